// The Fréchet distance between two sets of images (Heusel et al. 2017), here of the embeddings of an image-text model.
#pragma once

#include "fourm/clip/image_text.h"
#include "fourm/eval/comparison.h"

namespace fourm {

/// |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of the means and covariances (over n - 1) of two sets of vectors. 0 for
/// equal sets; grows with fewer vectors. Error unless there are two or more of each, all of one length.
double frechet_distance(const std::vector<Embedding>& a, const std::vector<Embedding>& b);

/// The squares of `side` pixels that an image holds whole, from its top left corner: of 256 pixels and a side of 128 four.
/// An image smaller than that is one square, itself.
std::vector<StoredImage> squares_of(const std::vector<StoredImage>& images, int side);

/// The distance of generated images from the true ones. The ceiling is that of the true images reconstructed by the
/// tokenizer; the baseline that of the true images with each of the model's patches in its mean colour. Each image counts by
/// its squares of the model's size.
Comparison compare_frechet(const ImageText& model, const std::vector<StoredImage>& generated,
                           const std::vector<StoredImage>& truth, const std::vector<StoredImage>& ceiling,
                           uint64_t seed);

}  // namespace fourm
