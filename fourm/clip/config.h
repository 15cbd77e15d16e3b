// The configuration of an image-text model, as in its config.json.
#pragma once

#include <cstdint>
#include <string>

#include "fourm/core/file.h"

namespace fourm {

struct ClipConfig {
  int64_t image_size = 128, patch_size = 16, embed_dim = 64;
  int64_t image_width = 128, image_depth = 4, image_heads = 4;
  int64_t text_width = 128, text_depth = 2, text_heads = 4, max_tokens = 64;
  double mlp_ratio = 4;

  template <class Visitor>
  void fields(Visitor& v) {
    v("image_size", image_size, "pixels a side of the images; others are cut square and resized");
    v("patch_size", patch_size, "pixels a side of a patch");
    v("embed_dim", embed_dim, "width of the joint embedding space");
    v("image_width", image_width, "width of the image encoder");
    v("image_depth", image_depth, "its blocks");
    v("image_heads", image_heads, "its attention heads");
    v("text_width", text_width, "width of the text encoder");
    v("text_depth", text_depth, "its blocks");
    v("text_heads", text_heads, "its attention heads");
    v("max_tokens", max_tokens, "longest text in tokens, its end token included; the rest is cut off");
    v("mlp_ratio", mlp_ratio, "hidden width of the MLPs over the width of their encoder");
  }

  int64_t grid() const { return image_size / patch_size; }  ///< patches a side
  /// Error naming `origin` and the key for invalid values.
  void validate(const std::string& origin) const;
};

/// Strict: unknown keys are Errors, missing ones have their defaults.
ClipConfig read_clip_config(const fs::path& json);
void write_clip_config(const fs::path& json, const ClipConfig& config);

}  // namespace fourm
