#include "fourm/clip/config.h"

#include "fourm/core/config.h"
#include "fourm/core/config_json.h"
#include "fourm/core/json.h"

namespace fourm {

void ClipConfig::validate(const std::string& origin) const {
  const auto within = [&](const char* key, int64_t value, int64_t low, int64_t high) {
    check(value >= low && value <= high, origin, ": ", key, " is ", value, ", expected ", low, " to ", high);
  };
  const auto encoder = [&](const std::string& side, int64_t width, int64_t depth, int64_t heads) {
    within((side + "_width").c_str(), width, 4, 1 << 12);
    within((side + "_depth").c_str(), depth, 0, 100);
    within((side + "_heads").c_str(), heads, 1, width);
    check(width % 4 == 0 && width % heads == 0, origin, ": ", side, "_width is ", width,
          ", expected a multiple of 4 and of ", side, "_heads (", heads, ")");
  };
  within("image_size", image_size, 1, 1 << 13);
  within("patch_size", patch_size, 1, 1 << 10);
  check(image_size % patch_size == 0, origin, ": image_size is ", image_size, ", expected a multiple of patch_size (",
        patch_size, ")");
  within("image_size / patch_size", grid(), 1, 128);
  within("embed_dim", embed_dim, 1, 1 << 12);
  encoder("image", image_width, image_depth, image_heads);
  encoder("text", text_width, text_depth, text_heads);
  within("max_tokens", max_tokens, 1, 1 << 12);
  check(mlp_ratio > 0 && mlp_ratio <= 64, origin, ": mlp_ratio is ", mlp_ratio, ", expected 0 to 64");
}

ClipConfig read_clip_config(const fs::path& json) {
  const std::string text = read_file(json, 1 << 20), origin = json.string();
  check(parse_json(text, origin).is_object(), origin, ": is not a config (expected an object)");
  ClipConfig config;
  read_config(parse_yaml(text, origin), config, origin);
  config.validate(origin);
  return config;
}

void write_clip_config(const fs::path& json, const ClipConfig& config) { write_json(json, config_json(config)); }

}  // namespace fourm
