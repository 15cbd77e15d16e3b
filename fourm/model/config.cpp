#include "fourm/model/config.h"

#include <algorithm>

#include "fourm/core/config.h"
#include "fourm/core/config_json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/model/training_checkpoint.h"

namespace fourm {
namespace {

// Official options that only training uses.
const std::vector<std::string> kTrainingKeys{"drop_path_rate_encoder", "drop_path_rate_decoder", "shared_drop_path",
                                             "use_act_checkpoint"};

ModelConfig from_yaml(YAML::Node node, const std::string& origin) {
  check(node.IsMap(), origin, ": is not a config (expected an object)");
  ModelConfig config;
  const std::vector<std::string> known = config_keys(config);
  std::vector<std::string> unknown, all;
  for (const auto& item : node) all.push_back(item.first.as<std::string>());
  for (const auto& key : all) {
    if (contains(known, key)) continue;
    if (!contains(kTrainingKeys, key)) unknown.push_back(key);
    node.remove(key);
  }
  if (!unknown.empty()) warn(origin, ": keys that are not used: ", join(unknown, ", "));
  for (const char* key : {"domains_in", "domains_out"})
    check(node[key].IsDefined(), origin, ": the key '", key, "' is missing");
  read_config(node, config, origin);
  config.validate(origin);
  return config;
}

}  // namespace

int64_t EncoderConfig::mlp_hidden() const {
  const auto hidden = static_cast<int64_t>(static_cast<double>(dim) * mlp_ratio);
  return gated_mlp ? 2 * hidden / 3 : hidden;
}

void EncoderConfig::validate(const std::string& origin) const {
  check_fields(*this, origin);
  check(dim % num_heads == 0, origin, ": num_heads (", num_heads, ") does not divide dim (", dim, ")");
  check(dim % 4 == 0, origin, ": dim (", dim, ") is not a multiple of 4, which the position table needs");
  check(mlp_hidden() >= 1, origin, ": mlp_ratio (", mlp_ratio, ") leaves nothing of dim (", dim, ")");
}

std::vector<std::string> ModelConfig::shared_embeddings() const {
  if (share_modality_embeddings) return domains_out;
  return {};
}

void ModelConfig::validate(const std::string& origin) const {
  check_fields(*this, origin);
  EncoderConfig::validate(origin);
}

ModelConfig read_model_config(const fs::path& json) {
  const std::string text = read_file(json, 1 << 24);
  parse_json(text, json.string());  // strict JSON, whose values YAML then reads
  return from_yaml(parse_yaml(text, json.string()), json.string());
}

bool has_model_config(const SafetensorsFile& file) {
  return file.metadata().contains("dim") || is_training_checkpoint(file);
}

ModelConfig read_model_config(const SafetensorsFile& file) {
  if (is_training_checkpoint(file)) return training_checkpoint_config(file);
  YAML::Node node(YAML::NodeType::Map);
  for (const auto& [key, value] : file.metadata()) {
    if (key == "format" || value.size() > 10'000) continue;
    if (file.find(value) || key.find('.') != std::string::npos) continue;  // another name of a tensor
    node[key] = parse_yaml("v: " + (value == "None" ? "null" : value), file.path().string() + ": metadata " + key)["v"];
  }
  return from_yaml(node, file.path().string());
}

void write_model_config(const fs::path& path, const ModelConfig& config) { write_json(path, config_json(config)); }

}  // namespace fourm
