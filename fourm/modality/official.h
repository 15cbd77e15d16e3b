// The official modalities in the table's own form (names, vocabularies and lengths of 4M-7, 4M-21 and
// super-resolution).
#pragma once

#include <string_view>

namespace fourm {

inline constexpr std::string_view kOfficialModalities = R"yaml(
modalities:
  rgb@224: {kind: pixels, image_size: 224, patch_size: 16}
  rgb@448: {kind: pixels, image_size: 448, patch_size: 16}
  caption: {kind: sequence, vocab_size: 30000, max_tokens: 256}
  det: {kind: sequence, vocab_size: 30000, max_tokens: 256}
  t5_caption: {kind: embeddings, width: 4096, max_tokens: 77}
  metadata: {kind: sequence, vocab_size: 30000, max_tokens: 40}
  human_poses: {kind: sequence, vocab_size: 30000, max_tokens: 275, max_length: 263}
  color_palette: {kind: sequence, vocab_size: 30000, max_tokens: 23}
  sam_instance: {kind: sequence, vocab_size: 30000, max_tokens: 290}
  tok_rgb@224: {vocab_size: 16384, image_size: 224, patch_size: 16}
  tok_depth@224: {vocab_size: 8192, image_size: 224, patch_size: 16}
  tok_normal@224: {vocab_size: 8192, image_size: 224, patch_size: 16}
  tok_semseg@224: {vocab_size: 4096, image_size: 224, patch_size: 16}
  tok_clip@224: {vocab_size: 8192, image_size: 224, patch_size: 16}
  tok_canny_edge@224: {vocab_size: 8192, image_size: 224, patch_size: 16}
  tok_sam_edge@224: {vocab_size: 8192, image_size: 224, patch_size: 16}
  tok_dinov2@224: {vocab_size: 8192, image_size: 224, patch_size: 14}
  tok_imagebind@224: {vocab_size: 8192, image_size: 224, patch_size: 14}
  tok_dinov2_global: {vocab_size: 8192, patch_size: 56, positions: learned}
  tok_imagebind_global: {vocab_size: 8192, patch_size: 56, positions: learned}
  tok_rgb@448: {vocab_size: 16384, image_size: 448, patch_size: 16}
  tok_depth@448: {vocab_size: 8192, image_size: 448, patch_size: 16}
  tok_normal@448: {vocab_size: 8192, image_size: 448, patch_size: 16}
  tok_semseg@448: {vocab_size: 4096, image_size: 448, patch_size: 16}
  tok_clip@448: {vocab_size: 8192, image_size: 448, patch_size: 16}
)yaml";

}  // namespace fourm
