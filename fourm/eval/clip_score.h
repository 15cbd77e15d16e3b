// The CLIP score of generated images (Hessel et al. 2021): how well they fit the texts that they were generated from.
#pragma once

#include <string>

#include "fourm/core/file.h"
#include "fourm/dist/process_group.h"
#include "fourm/eval/measures.h"

namespace fourm {

struct ClipScoreOptions {
  fs::path images;  ///< folder
  fs::path model;   ///< image-text model (clip/image_text.h)
  /// A list (data/prompt_list.h) with a line for each image, in the order of list_images(); a folder with NAME.txt of each image
  /// NAME; empty: NAME.txt is beside the image.
  fs::path captions{};
  fs::path store{};  ///< folder for scores (image_rows.h), which a later run reuses; empty: they are not stored
  std::string device = "cpu";
  int64_t resize = 0;  ///< the middle squares of the images are resized to so many pixels first; 0: images as they are
};

/// Mean of max(100 cos(image, caption), 0) over images, with its 95 % interval. The images are split over the processes of the
/// group; all get the result. Error naming the image without a caption, or the file that does not hold exactly one.
Summary clip_score(const ClipScoreOptions& options, const ProcessGroup& group = {});

}  // namespace fourm
