// `fourm demo`: a gallery of what a small model makes of rooms that it never saw, of captions, and of given pictures.
#pragma once

#include "fourm/eval/gallery.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

struct DemoOptions {
  int64_t rooms = 4;             ///< from the validation split: unseen furniture, unseen rooms
  int64_t paintings = 4;         ///< pictures painted from captions
  uint64_t seed = 0;
  std::vector<fs::path> images;  ///< the user's own pictures
};

Gallery demo(const Pipeline& pipeline, const DemoOptions& options);

}  // namespace fourm
