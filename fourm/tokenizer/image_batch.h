// Stored images as input and output tensors of a tokenizer.
#pragma once

#include <vector>

#include "fourm/core/tensor.h"
#include "fourm/modality/transform.h"

namespace fourm {

/// [B, C, H, W] floats, or [B, H, W] class ids for label maps. Images of one size. `flips` (empty: none) says which
/// are mirrored.
Tensor image_batch(const InputConfig& config, const std::vector<const StoredImage*>& images,
                   const std::vector<bool>& flips = {});

/// The mask of pixels in the loss (known_pixels), bool [B, 1, H, W]; undefined when all are. Labels of tokenizers with a
/// class for "none" are all in the loss.
Tensor known_batch(const InputConfig& config, const std::vector<const StoredImage*>& images,
                   const std::vector<bool>& flips = {});

/// The images of a decoder's output [B, C, H, W]; class logits for label maps.
std::vector<StoredImage> stored_images(const InputConfig& config, const Tensor& output);

}  // namespace fourm
