// An image-text model as its users need it: images and texts in, features and similarities out. No tensors in sight.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "fourm/clip/config.h"
#include "fourm/io/npy.h"
#include "fourm/modality/transform.h"

namespace fourm {

class ClipModel;

using Embedding = std::vector<float>;  ///< of unit length

/// The scalar product, which is the cosine.
double similarity(const Embedding& a, const Embedding& b);

/// Images are RGB; their middle squares are resized to the model's size.
class ImageText {
 public:
  static ImageText open(const fs::path& folder);

  const ClipConfig& config() const;
  double scale() const;  ///< of cosines, before a softmax over texts
  std::vector<Embedding> embed(const std::vector<std::string>& texts) const;
  std::vector<Embedding> embed(const std::vector<StoredImage>& images) const;
  /// Every patch: float16 [D, h, w] an image.
  std::vector<NpyArray> features(const std::vector<StoredImage>& images) const;

 private:
  explicit ImageText(std::shared_ptr<const ClipModel> model) : model_(std::move(model)) {}
  std::shared_ptr<const ClipModel> model_;
};

/// MODEL/clip, where a 4M keeps the image-text model that its features come from; empty when it has none.
fs::path image_text_of(const fs::path& model);

/// Reads image files and hands them over in batches, in order, with a progress line. `use` gets the images and the
/// index of the first of them.
void each_image_batch(const std::vector<fs::path>& files, const std::string& label,
                      const std::function<void(const std::vector<StoredImage>&, size_t first)>& use);

}  // namespace fourm
