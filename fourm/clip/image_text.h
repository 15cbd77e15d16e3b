// Embeddings and features of images and texts by an image-text model: one that `fourm clip train` made, or a CLIP of Hugging Face. The
// interface has no tensors.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "fourm/core/file.h"
#include "fourm/io/npy.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/modality/transform.h"

namespace fourm {

class ImageTextModel;

using Embedding = std::vector<float>;  ///< of unit length

/// The dot product, which is the cosine similarity.
double similarity(const Embedding& a, const Embedding& b);

/// Images are RGB; their middle squares are taken at the model's size, as the model's training did.
class ImageText {
 public:
  /// A folder of ClipModel (clip_model.h) or of HuggingFaceClip (hugging_face_clip.h): the second has a model_type in config.json.
  static ImageText open(const fs::path& folder, const ComputeConfig& compute = {});

  int64_t image_size() const;  ///< pixels per side
  int64_t patch_size() const;
  int64_t width() const;  ///< numbers of an embedding
  double scale() const;   ///< factor of cosine similarities before a softmax over texts
  std::vector<Embedding> embed(const std::vector<std::string>& texts) const;
  std::vector<Embedding> embed(const std::vector<StoredImage>& images) const;
  /// Patch embeddings: float16 [D, h, w] per image. `size`: pixels per side of the images that they are of, 0 = image_size().
  std::vector<NpyArray> features(const std::vector<StoredImage>& images, int64_t size = 0) const;

 private:
  explicit ImageText(std::shared_ptr<const ImageTextModel> model) : model_(std::move(model)) {}
  std::shared_ptr<const ImageTextModel> model_;
};

/// Writes the features of each image file, a .npy [D, h, w] of float16, with a progress line.
void write_features(const ImageText& model, const std::vector<fs::path>& files, const std::vector<fs::path>& outputs,
                    int64_t size = 0);

/// Makes clip/NAME.npy of each image rgb/NAME of a set of folders; files that are there stay. Returns how many were made.
int64_t label_features(const fs::path& data, const ImageText& model, int64_t size = 0);

/// MODEL/clip, the image-text model of the feature modality of a 4M model; empty when there is none.
fs::path image_text_of(const fs::path& model);

/// Reads image files and calls `use` for each batch, in order, with a progress line. `first` is the index of its first
/// image.
void each_image_batch(const std::vector<fs::path>& files, const std::string& label,
                      const std::function<void(const std::vector<StoredImage>&, size_t first)>& use);

}  // namespace fourm
