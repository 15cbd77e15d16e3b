// `fourm demo`: a gallery of what a small model makes of rooms that it never saw, of captions, boxes and depth, and of
// given images.
#pragma once

#include "fourm/eval/gallery.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

struct DemoOptions {
  int64_t rooms = 3;      ///< to read; from the validation split: unseen furniture, unseen rooms
  int64_t paintings = 2;  ///< of each way of painting
  uint64_t seed = 0;
  std::vector<fs::path> images;  ///< the user's own images
  fs::path image_text{};         ///< image-text model that tells true features; empty: they are not shown
};

/// RGB -> all, caption -> all, boxes -> RGB, depth -> RGB, one modality after the other, guidance 1 to 5, half a room
/// painted anew. Error when the model lacks what all but boxes need.
Gallery demo(const Pipeline& pipeline, const DemoOptions& options);

}  // namespace fourm
