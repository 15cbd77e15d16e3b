// Numbers that are computed from each image of a folder. They are stored in parts of 500 images, so that an interrupted run resumes
// after the last whole part.
#pragma once

#include <functional>

#include "fourm/clip/image_text.h"
#include "fourm/core/json.h"
#include "fourm/core/tensor.h"
#include "fourm/dist/process_group.h"
#include "fourm/io/image.h"

namespace fourm {

struct ImageRowsOptions {
  std::string name;    ///< of the progress line, and of the folder in `store`
  fs::path images;     ///< folder
  int64_t resize = 0;  ///< the middle square of an image is resized to so many pixels first; 0: images as they are
  int64_t width = 0;   ///< numbers of an image
  fs::path store;      ///< empty: nothing is stored
  Json depends_on = Json::object();  ///< what stored rows depend on besides images and size, such as the weights
};

/// The rows of a batch, [B, width]. `first` is the index of its first image.
using RowsOfImages = std::function<Tensor(const std::vector<Image>& images, size_t first)>;

/// [N, width], float32 on the CPU: a row for each image, in the order of list_images(). The parts are split over the processes of the
/// group; all get all rows. Error where the store holds rows of other images or options.
Tensor image_rows(const ImageRowsOptions& options, const RowsOfImages& compute, const ProcessGroup& group = {});

/// The columns from `from` to before `to` of each row of a table [N, D] of float32 on the CPU.
std::vector<Embedding> embeddings_of(const Tensor& table, int64_t from, int64_t to);

}  // namespace fourm
