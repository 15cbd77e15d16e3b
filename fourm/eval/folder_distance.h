// The Fréchet distance between two folders of images in the embedding space of an image-text model (frechet.h).
#pragma once

#include <string>

#include "fourm/core/json.h"
#include "fourm/dist/process_group.h"

namespace fourm {

struct FolderDistanceOptions {
  fs::path generated, real;  ///< folders of images
  fs::path model;            ///< image-text model (clip/image_text.h)
  fs::path store{};  ///< folder for embeddings (image_rows.h), which a later run reuses; empty: they are not stored
  std::string device = "cpu";
  int64_t resize = 0;  ///< the middle squares of the images are resized to so many pixels first; 0: images as they are
};

struct FolderDistance {
  int64_t generated = 0, real = 0;  ///< images
  int64_t squares = 0;              ///< of an image, each of which has an embedding (squares_of)
  double distance = 0;              ///< 0 for equal sets
};

/// The images are split over the processes of the group; all get the result. Error where two images have different numbers of
/// squares of the model's size, or where the store holds embeddings of other images, weights or options.
FolderDistance folder_distance(const FolderDistanceOptions& options, const ProcessGroup& group = {});

/// {"generated", "real", "squares", "Frechet_distance"}.
Json to_json(const FolderDistance& distance);

}  // namespace fourm
