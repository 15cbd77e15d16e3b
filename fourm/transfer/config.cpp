#include "fourm/transfer/config.h"

#include "fourm/core/config_json.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/io/model_folder.h"

namespace fourm {

Task parse_task(const std::string& name) {
  const std::vector<std::string> names{"classification", "semseg", "depth", "detection"};
  for (size_t i = 0; i < names.size(); ++i)
    if (name == names[i]) return static_cast<Task>(i);
  fail("task is ", printable(name), ", expected one of ", join(names, ", "), did_you_mean(name, names));
}

void remove_decoder_keys(YAML::Node encoder) {
  if (!encoder.IsDefined() || !encoder.IsMap()) return;
  for (const char* key :
       {"domains_out", "decoder_depth", "decoder_causal_mask", "decoder_sep_mask", "share_modality_embeddings"})
    encoder.remove(key);
}

void TransferConfig::migrate(YAML::Node& node, const std::string& /*origin*/) {
  const YAML::Node& given = node;
  remove_decoder_keys(given["encoder"]);
}

TransferConfig TransferConfig::resolved() const {
  TransferConfig c = *this;
  const Task t = kind();
  if (c.head.kind == "auto")
    c.head.kind = t == Task::kClassification ? "linear" : t == Task::kDetection ? "cascade" : "convnext";
  if (c.head.depth == 0) c.head.depth = t == Task::kDepth ? 2 : 4;
  if (c.head.width == 0) c.head.width = t == Task::kDetection ? 256 : 384;
  if (c.fit == "auto") c.fit = t == Task::kSemseg || t == Task::kDetection ? "pad" : "crop";
  return c;
}

void TransferConfig::validate(const std::string& origin) const {
  check_fields(*this, origin);
  const TransferConfig c = resolved();
  const std::vector<std::string> heads = kind() == Task::kClassification
                                             ? std::vector<std::string>{"linear", "attentive", "knn"}
                                         : kind() == Task::kDetection ? std::vector<std::string>{"cascade"}
                                                                      : std::vector<std::string>{"convnext"};
  check(contains(heads, c.head.kind), origin, ": head.kind is ", c.head.kind, ", expected ", join(heads, " or "),
        " for ", task);
  check(!c.head.masks || kind() == Task::kDetection, origin, ": head.masks is for detection");
  check(kind() == Task::kDepth || !classes.empty(), origin, ": classes is empty");
  check(kind() != Task::kSemseg || classes.size() <= 255, origin, ": has ", classes.size(),
        " classes, expected at most 255, since the label 255 is none");
  check(titles.empty() || titles.size() == classes.size(), origin, ": has ", titles.size(), " titles for ",
        classes.size(), " classes");
  check(category_ids.empty() || category_ids.size() == classes.size(), origin, ": has ", category_ids.size(),
        " category_ids for ", classes.size(), " classes");
  encoder.validate(origin);
  check(encoder.image_size % encoder.patch_size == 0, origin, ": image_size is ", encoder.image_size,
        ", expected a multiple of patch_size (", encoder.patch_size, ")");
}

bool is_transfer_model(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return false;
  const fs::path json = model_folder(path) / "config.json";
  if (!fs::exists(json, ignored)) return false;
  const Json config = read_json(json, 1 << 24);
  return config.is_object() && config.contains("task") && config.contains("encoder");
}

TransferConfig read_transfer_config(const fs::path& json) {
  const std::string text = read_file(json, 1 << 24), origin = json.string();
  check(parse_json(text, origin).is_object(), origin, ": is not a config (expected an object)");
  TransferConfig config;
  read_config(parse_yaml(text, origin), config, origin);
  config.validate(origin);
  return config;
}

void write_transfer_config(const fs::path& json, const TransferConfig& config) {
  write_json(json, config_json(config));
}

}  // namespace fourm
