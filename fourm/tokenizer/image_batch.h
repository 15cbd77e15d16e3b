// Batches of stored images as the tensors that a tokenizer takes and gives.
#pragma once

#include <vector>

#include "fourm/core/tensor.h"
#include "fourm/modality/transform.h"

namespace fourm {

/// [B, C, H, W] floats, or [B, H, W] class ids for label maps. Images of one size. `flips` (empty: none) says which
/// are mirrored.
Tensor image_batch(const InputConfig& config, const std::vector<const StoredImage*>& images,
                   const std::vector<bool>& flips = {});

/// The pixels that count in a loss on such a batch (known_pixels), bool [B, 1, H, W]; undefined when all do. Labels of
/// tokenizers with a class for none all count.
Tensor known_batch(const InputConfig& config, const std::vector<const StoredImage*>& images,
                   const std::vector<bool>& flips = {});

/// The way back, from a decoder's output: [B, C, H, W], class logits for label maps.
std::vector<StoredImage> stored_images(const InputConfig& config, const Tensor& output);

}  // namespace fourm
