#include "fourm/data/data_facts.h"

#include "fourm/core/config.h"
#include "fourm/core/error.h"

namespace fourm {

// Names by label: a list of names, or of mappings with a name and, where labels do not count from 0, an id.
static std::vector<std::string> class_names(const YAML::Node& list, const std::string& origin) {
  check(list.IsSequence(), origin, ": semseg_classes should be a list of names, or of {id: LABEL, name: NAME}");
  std::vector<std::string> names;
  for (const auto& item : list) {
    auto label = static_cast<int64_t>(names.size());
    const YAML::Node id = item.IsMap() ? item["id"] : YAML::Node(), name = item.IsMap() ? item["name"] : item;
    if (id.IsDefined() && !id.IsNull())
      check(YAML::convert<int64_t>::decode(id, label) && label >= 0 && label < 255, origin,
            ": an id of semseg_classes is not a label from 0 to 254");
    if (label >= static_cast<int64_t>(names.size())) names.resize(label + 1);
    if (name.IsDefined() && name.IsScalar()) names[label] = name.Scalar();
  }
  return names;
}

std::vector<std::string> read_class_names(const fs::path& folder) {
  const fs::path file = folder / "dataset.yaml";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return {};
  const YAML::Node classes = read_yaml(file)["semseg_classes"];
  return classes.IsDefined() ? class_names(classes, file.string()) : std::vector<std::string>();
}

void write_class_names(const fs::path& folder, const std::vector<std::string>& names) {
  YAML::Node yaml;
  for (size_t i = 0; i < names.size(); ++i) {
    YAML::Node row;
    row["id"] = i;
    row["name"] = names[i];
    yaml["semseg_classes"].push_back(row);
  }
  write_file(folder / "dataset.yaml", yaml_text(yaml));
}

DataFacts DataFacts::read(const Source& source) {
  DataFacts facts;
  const fs::path root = source.root();
  if (const fs::path file = root / "dataset.yaml"; fs::exists(file)) {
    const YAML::Node description = read_yaml(file);
    if (description["count"] && description["count"].IsScalar()) facts.samples = description["count"].as<int64_t>(0);
    facts.classes = read_class_names(root);
  }
  if (const fs::path file = root / "modalities.yaml"; fs::exists(file)) {
    facts.modalities.extend(file);
  }
  return facts;
}

}  // namespace fourm
