// Embeddings and features of images and texts by an image-text model. The interface has no tensors.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "fourm/clip/config.h"
#include "fourm/io/npy.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/modality/transform.h"

namespace fourm {

class ClipModel;

using Embedding = std::vector<float>;  ///< of unit length

/// The dot product, which is the cosine similarity.
double similarity(const Embedding& a, const Embedding& b);

/// Images are RGB; their middle squares are resized to the model's size.
class ImageText {
 public:
  static ImageText open(const fs::path& folder, const ComputeConfig& compute = {});

  const ClipConfig& config() const;
  double scale() const;  ///< factor of cosine similarities before a softmax over texts
  std::vector<Embedding> embed(const std::vector<std::string>& texts) const;
  std::vector<Embedding> embed(const std::vector<StoredImage>& images) const;
  /// Patch embeddings: float16 [D, h, w] per image.
  std::vector<NpyArray> features(const std::vector<StoredImage>& images) const;

 private:
  explicit ImageText(std::shared_ptr<const ClipModel> model) : model_(std::move(model)) {}
  std::shared_ptr<const ClipModel> model_;
};

/// MODEL/clip, the image-text model of the feature modality of a 4M model; empty when there is none.
fs::path image_text_of(const fs::path& model);

/// Reads image files and calls `use` for each batch, in order, with a progress line. `first` is the index of its first
/// image.
void each_image_batch(const std::vector<fs::path>& files, const std::string& label,
                      const std::function<void(const std::vector<StoredImage>&, size_t first)>& use);

}  // namespace fourm
