#include "fourm/tokenizer/config.h"

#include <regex>
#include <set>

#include "fourm/core/config_json.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/modality/input_kind.h"
#include "fourm/tokenizer/training_arguments.h"

namespace fourm {
namespace {

// Python's repr of a JSON value, so that the original reads our single files.
std::string python_text(const Json& json, bool nested = false) {
  if (json.is_null()) return "None";
  if (json.is_boolean()) return json.get<bool>() ? "True" : "False";
  if (json.is_string()) return nested ? "'" + json.get<std::string>() + "'" : json.get<std::string>();
  if (!json.is_structured()) return json.dump();
  std::vector<std::string> parts;
  for (const auto& item : json.items())
    parts.push_back((json.is_object() ? "'" + item.key() + "': " : "") + python_text(item.value(), true));
  return (json.is_object() ? "{" : "[") + join(parts, ", ") + (json.is_object() ? "}" : "]");
}

YAML::Node metadata_node(const std::map<std::string, std::string>& metadata, const std::string& origin) {
  YAML::Node node(YAML::NodeType::Map);
  std::set<std::string> known{"domain"};  // see tokenizer_config
  TokenizerConfig config;
  for (const char* decoder : {"vit_b_dec", "unet_patched"}) {  // the keys of either class
    config.dec_type = decoder;
    for (const auto& key : config_keys(config)) known.insert(key);
  }
  for (const auto& [key, text] : metadata) {
    if (!known.contains(key)) continue;  // other arguments of a training
    if (text.size() > 10000) continue;   // no config value is that long
    const std::string plain = std::regex_replace(text, std::regex("\\bNone\\b"), "null");
    node[key] = plain == "null" ? YAML::Node() : parse_yaml(plain, origin + ": metadata " + key);
  }
  return node;
}

bool has_prefix(const SafetensorsFile& file, std::string_view prefix) {
  for (const auto& t : file.tensors())
    if (t.name.starts_with(prefix)) return true;
  return false;
}

}  // namespace

bool is_diffusion(const std::string& dec_type) {
  return dec_type.find("unet_") != dec_type.npos || dec_type.find("uvit_") != dec_type.npos;
}

void TokenizerConfig::migrate(YAML::Node& node, const std::string& origin) {
  for (const char* key : {"sync_codebook", "scheduler"})
    if (node.remove(key)) warn(origin, ": the tokenizer key '", key, "' has no effect and is no longer written");
}

TokenizerConfig tokenizer_config(const YAML::Node& given, const std::string& origin) {
  check(given.IsMap(), origin, ": expected an object of tokenizer settings");
  YAML::Node node(YAML::NodeType::Map);
  TokenizerConfig config;
  config.dec_type = given["beta_schedule"].IsDefined() ? "unet_patched" : "vit_b_dec";
  if (given["dec_type"].IsDefined() && given["dec_type"].IsScalar()) config.dec_type = given["dec_type"].Scalar();
  const std::vector<std::string> known = config_keys(config);
  for (const auto& item : given)
    if (contains(known, item.first.Scalar())) node[item.first.Scalar()] = item.second;
  read_config(node, config, origin);
  // The original's training arguments name the modality.
  const YAML::Node domain = given["domain"];
  if (!config.input && domain.IsDefined() && domain.IsScalar())
    if (const auto named = kind_in_name(domain.Scalar()); named && contains(config.possible_kinds(), *named))
      config.input = config.official_input(*named);
  return config;
}

TokenizerFiles TokenizerFiles::open(const fs::path& place) {
  const fs::path path = model_folder(place);
  const bool folder = fs::is_directory(path);
  SafetensorsFile weights = open_weights(path);
  const bool in_header = has_training_arguments(weights) || weights.metadata().contains("enc_type") ||
                         weights.metadata().contains("codebook_size");
  const fs::path beside = folder ? path / "config.json" : path.parent_path() / "config.json";
  const bool in_json = folder || (!in_header && fs::exists(beside));
  const std::string origin = (in_json ? beside : path).string();
  YAML::Node given;
  if (in_json) {
    given = parse_yaml(read_json(beside).dump(1), origin);
  } else if (has_training_arguments(weights)) {
    given = metadata_node(constructor_arguments(weights), origin);
  } else {
    check(in_header, origin,
          ": its header holds no tokenizer config (enc_type, codebook_size, ...), and there is no "
          "config.json beside it");
    given = metadata_node(weights.metadata(), origin);
  }
  for (const auto& t : weights.tensors())
    check(t.name.find("controlnet") == std::string::npos, weights.path().string(),
          ": a ControlNet tokenizer, which needs Stable Diffusion weights: not supported");
  // No key names the class; it follows from the tensors.
  const bool diffuses = has_prefix(weights, "decoder.input_blocks.") || has_prefix(weights, "decoder.conv_in.");
  if (diffuses && given.IsMap() && !(given["dec_type"].IsDefined() && is_diffusion(given["dec_type"].Scalar())))
    given["dec_type"] = "unet_patched";
  TokenizerConfig config = tokenizer_config(given, origin);
  config.has_decoder = has_prefix(weights, "decoder.");
  config.validate(origin);
  return {std::move(config), std::move(weights)};
}

TokenizerPreset TokenizerConfig::preset(const std::string& name) const {
  if (const auto found = presets.find(name); found != presets.end()) return found->second;
  TokenizerPreset p;
  const auto vit = [&](int64_t width, int64_t depth, int64_t heads) {
    p.kind = name.ends_with("_dec") ? "vit_decoder" : "vit_encoder";
    p.dim_tokens = width, p.depth = depth, p.num_heads = heads;
    return p;
  };
  if (name == "vit_s_enc" || name == "vit_s_dec") return vit(512, 8, 8);
  if (name == "vit_b_enc" || name == "vit_b_dec") return vit(768, 12, 12);
  if (name == "vit_l_enc" || name == "vit_l_dec") return vit(1024, 24, 16);
  p.kind = "unet_patched";
  check(name == "unet_patched", "the encoder or decoder ", printable(name),
        " is not known; expected vit_{s,b,l}_{enc,dec}, unet_patched, BottleneckMLP/B_n-Wi_w, or a name in 'presets'");
  return p;
}

std::vector<std::string> TokenizerConfig::possible_kinds() const {
  if (n_labels) return {"semseg"};
  if (!patch_proj || mlp_sizes(enc_type)) return {"features"};
  if (n_channels == 1)
    return out_conv ? std::vector<std::string>{"mask", "depth", "grey"}
                    : std::vector<std::string>{"depth", "grey", "mask"};
  if (n_channels == 3) return {"rgb", "normal"};
  return {};
}

InputConfig TokenizerConfig::image_input(const std::string& name) const {
  if (input) return *input;
  constexpr const char* kRemedy =
      "name its folder after its modality (tok_normal@224) or write \"input\": {\"kind\": ...} into its config.json";
  const std::vector<std::string> possible = possible_kinds();
  const std::string who = name.empty() ? "the tokenizer" : "the tokenizer " + printable(name);
  check(!possible.empty(), who, " has ", n_channels, " channels, which no kind of image has; ", kRemedy);
  const auto named = kind_in_name(name);
  if (possible.size() > 1 && named)
    check(contains(possible, *named), who, " has ", n_channels, n_channels == 1 ? " channel" : " channels", ", but '",
          *named, "' in its name does not; ", kRemedy);
  else if (possible.size() > 1)
    warn(who, " does not name the kind of its input; from its ", n_channels, n_channels == 1 ? " channel" : " channels",
         " it is assumed to be '", possible[0], "'; if that is wrong, ", kRemedy);
  return official_input(possible.size() > 1 && named ? *named : possible[0]);
}

InputConfig TokenizerConfig::official_input(const std::string& what) const {
  InputConfig official;
  official.kind = what;
  if (what == "semseg") official.label_offset = 1;
  if (what == "features") official.features = n_channels;
  if (what == "depth") official.standardise = true;
  return official;
}

void TokenizerConfig::validate(const std::string& origin) const {
  check_fields(*this, origin);
  check(quant_type != "memcodes" || latent_dim % num_codebooks == 0, origin, ": latent_dim ", latent_dim,
        " does not divide into ", num_codebooks, " codebooks");
  if (kind() == TokenizerClass::kDiVae) {
    check(!n_labels, origin, ": n_labels is set, but ", printable(dec_type),
          " makes images; label maps need a ViT decoder");
    check(masked_cfg_low <= masked_cfg_high.value_or(masked_cfg_low), origin, ": masked_cfg_low is ", masked_cfg_low,
          ", expected 0 to masked_cfg_high");
  }
  if (input) input->validate(origin);
  for (const auto& [name, p] : presets) {
    const std::string key = origin + ": presets." + name;
    if (p.kind == "unet_patched") {
      check(p.model_channels % 32 == 0, key, ".model_channels is ", p.model_channels, ", expected a multiple of 32");
      check(!p.channel_mult.empty() && p.channel_mult.size() <= 10, key, ".channel_mult has ", p.channel_mult.size(),
            " levels, expected 1 to 10");
    } else {
      check(p.dim_tokens % p.num_heads == 0 && p.dim_tokens % 4 == 0, key, ".dim_tokens is ", p.dim_tokens,
            ", expected a multiple of 4 and of num_heads (", p.num_heads, ")");
    }
  }
}

std::map<std::string, std::string> to_metadata(const TokenizerConfig& config) {
  std::map<std::string, std::string> metadata{{"format", "pt"}};
  const Json json = config_json(config);
  for (const auto& item : json.items()) metadata[item.key()] = python_text(item.value());
  return metadata;
}

std::optional<MlpSizes> mlp_sizes(const std::string& name) {
  if (name.find("MLP") == std::string::npos) return std::nullopt;
  static const std::regex pattern("(Bottleneck)?MLP/B_([0-9]{1,4})-Wi_([1-9][0-9]{0,5})(-E_([1-9][0-9]{0,2}))?");
  std::smatch m;
  check(std::regex_match(name, m, pattern), "the MLP ", printable(name),
        " is not readable; expected for example BottleneckMLP/B_6-Wi_1024 or MLP/B_2-Wi_512");
  return MlpSizes{m[1].matched, std::stol(m[2]), std::stol(m[3]), m[5].matched ? std::stol(m[5]) : 4};
}

}  // namespace fourm
