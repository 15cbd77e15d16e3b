// The configuration of an image-text model, as in its config.json.
#pragma once

#include <cstdint>
#include <string>

#include "fourm/core/config.h"
#include "fourm/core/file.h"

namespace fourm {

struct ClipConfig {
  int64_t image_size = 128, patch_size = 16, embed_dim = 64;
  int64_t image_width = 128, image_depth = 4, image_heads = 4;
  int64_t text_width = 128, text_depth = 2, text_heads = 4, max_tokens = 64;
  double mlp_ratio = 4;

  template <class Visitor>
  void fields(Visitor& v) {
    v("image_size", image_size, "pixels per side of the images; others are cut square and resized", Range{1, 1 << 13});
    v("patch_size", patch_size, "pixels per side of a patch", Range{1, 1 << 10});
    v("embed_dim", embed_dim, "width of the joint embedding space", Range{1, 1 << 12});
    v("image_width", image_width, "width of the image encoder", Range{4, 1 << 12});
    v("image_depth", image_depth, "its blocks", Range{0, 100});
    v("image_heads", image_heads, "its attention heads", Range{1, 1 << 12});
    v("text_width", text_width, "width of the text encoder", Range{4, 1 << 12});
    v("text_depth", text_depth, "its blocks", Range{0, 100});
    v("text_heads", text_heads, "its attention heads", Range{1, 1 << 12});
    v("max_tokens", max_tokens, "longest text in tokens, its end token included; the rest is cut off",
      Range{1, 1 << 12});
    v("mlp_ratio", mlp_ratio, "hidden width of the MLPs over the width of their encoder", Range{1e-3, 64});
  }

  int64_t grid() const { return image_size / patch_size; }  ///< patches a side
  /// Error naming `origin` and the key for invalid values.
  void validate(const std::string& origin) const;
};

/// Strict: unknown keys are Errors, missing ones have their defaults.
ClipConfig read_clip_config(const fs::path& json);
void write_clip_config(const fs::path& json, const ClipConfig& config);

}  // namespace fourm
