// `fourm demo`: a gallery of what a small model predicts from images of rooms that it was not trained on, from captions,
// boxes and depth maps, and from the user's images.
#pragma once

#include "fourm/draw/gallery.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

struct DemoOptions {
  int64_t rooms = 2, generations = 1;
  uint64_t seed = 0;
  std::vector<std::string> images;
  std::string image_text{};

  template <class Visitor>
  void fields(Visitor& v) {
    v("image", images, "your own images as further inputs (the bundled model was trained on rendered rooms only)");
    v("rooms", rooms, "rooms of the validation split as inputs", Range{0, 64});
    v("generations", generations, "rooms to generate from their caption, boxes and depth map", Range{0, 64});
    v("seed", seed, "seed of the rooms and of the samples");
    v("image_text", image_text, "image-text model that computes the true features; default MODEL/clip");
  }
};

/// RGB -> all, caption -> all, a negative caption, boxes -> RGB and each map -> RGB in variations (paper Fig. 13), chained generation,
/// in-painting, super-resolution where its model is given (paper A.1). An empty `image_text` leaves the features out. Error when the
/// model lacks a modality that all but the boxes need.
Gallery demo(const Pipeline& pipeline, const DemoOptions& options, const Pipeline* super_resolution = nullptr);

}  // namespace fourm
