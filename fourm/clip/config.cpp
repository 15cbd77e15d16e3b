#include "fourm/clip/config.h"

#include "fourm/core/config.h"
#include "fourm/core/config_json.h"
#include "fourm/core/json.h"

namespace fourm {

void ClipConfig::validate(const std::string& origin) const {
  check_fields(*this, origin);
  const auto encoder = [&](const std::string& side, int64_t width, int64_t heads) {
    check(width % 4 == 0 && width % heads == 0, origin, ": ", side, "_width is ", width,
          ", expected a multiple of 4 and of ", side, "_heads (", heads, ")");
  };
  encoder("image", image_width, image_heads);
  encoder("text", text_width, text_heads);
  check(image_size % patch_size == 0, origin, ": image_size is ", image_size, ", expected a multiple of patch_size (",
        patch_size, ")");
  check(grid() <= 128, origin, ": image_size / patch_size is ", grid(), ", expected 1 to 128");
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
