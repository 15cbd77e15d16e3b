// What an image-text model computes, however it is stored. ImageText is the interface without tensors.
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/io/image.h"

namespace fourm {

class ImageTextModel {
 public:
  virtual ~ImageTextModel() = default;
  virtual int64_t image_size() const = 0;  ///< pixels per side
  virtual int64_t patch_size() const = 0;
  virtual int64_t width() const = 0;  ///< D, numbers of an embedding
  virtual double scale() const = 0;   ///< factor of cosine similarities before a softmax over texts
  /// Unit vectors [B, D].
  virtual Tensor embed_texts(const std::vector<std::string>& texts) const = 0;
  /// Unit vectors [B, D] of RGB images of any sizes.
  virtual Tensor embed_images(const std::vector<Image>& images) const = 0;
  /// [B, D, h, w]: the embeddings of the patches of the images' middle squares, which are resized to `size` pixels, a multiple of
  /// the patch.
  virtual Tensor feature_maps(const std::vector<Image>& images, int64_t size) const = 0;
};

}  // namespace fourm
