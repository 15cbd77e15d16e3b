// The loss and the retrieval measures of an image-text model.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// A group number for each text; equal texts have the same number.
std::vector<int64_t> groups_of(const std::vector<std::string>& texts);

/// Symmetric InfoNCE over pairs: unit vectors [B, D] of images and of their texts; `scale`: scalar, ClipModel::scale();
/// `groups` [B]: of groups_of(). The mean cross-entropy of texts for each image and of images for each text. Pairs of the
/// same group match too: the target is spread evenly over a group.
Tensor contrastive_loss(const Tensor& images, const Tensor& texts, const Tensor& scale,
                        const std::vector<int64_t>& groups);

/// Recall of text_at_1, text_at_5 (texts found for an image) and image_at_1, image_at_5: the fraction of queries with
/// one of their group among the nearest; ties count as wrong. `images` and `texts` are unit vectors [B, D] of pairs,
/// `groups` [B] is of groups_of().
std::map<std::string, double> retrieval(const Tensor& images, const Tensor& texts, const std::vector<int64_t>& groups);

}  // namespace fourm
