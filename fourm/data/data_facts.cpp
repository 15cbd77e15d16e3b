#include "fourm/data/data_facts.h"

#include "fourm/core/config.h"

namespace fourm {

DataFacts DataFacts::read(const Source& source) {
  DataFacts facts;
  const fs::path root = source.root();
  if (const fs::path file = root / "dataset.yaml"; fs::exists(file)) {
    const YAML::Node description = read_yaml(file), classes = description["semseg_classes"];
    if (description["count"] && description["count"].IsScalar()) facts.samples = description["count"].as<int64_t>(0);
    if (classes.IsDefined() && classes.IsSequence())
      for (const auto& item : classes)
        facts.classes.push_back(item.IsMap() && item["name"].IsDefined() ? item["name"].as<std::string>() : "");
  }
  if (const fs::path file = root / "modalities.yaml"; fs::exists(file)) {
    facts.modalities.extend(file);
  }
  return facts;
}

}  // namespace fourm
