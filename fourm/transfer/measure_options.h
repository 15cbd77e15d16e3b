// How a held-out set is measured. Plain: the command line reads it without tensor headers.
#pragma once

#include "fourm/core/config.h"

namespace fourm {

struct MeasureOptions {
  int64_t count = 0, batch = 16;
  bool flip = false, eigen_crop = false;
  double min_depth = 1e-3, max_depth = 10;

  template <class Visitor>
  void fields(Visitor& v) {
    v("count", count, "samples, from the first; 0 = all", KeyRole::kChangeable, at_least(0));
    v("batch", batch, "samples that are computed together", KeyRole::kChangeable, at_least(1));
    v("flip", flip, "predict each image and its mirror image, and average; not for detection", KeyRole::kChangeable);
    v("eigen_crop", eigen_crop,
      "depth: evaluate only inside the crop of Eigen et al. (2014) for NYUv2: rows 45 to 471 of 480, columns 41 to 601 "
      "of "
      "640",
      KeyRole::kChangeable);
    v("min_depth", min_depth, "depth: predictions below become this many metres", KeyRole::kChangeable, at_least(1e-6));
    v("max_depth", max_depth, "depth: predictions above become this many metres, and farther truth is not counted",
      KeyRole::kChangeable, at_least(1e-3));
  }
  static void migrate(YAML::Node& node, const std::string& origin) {
    rename_key(node, "least_depth", "min_depth", origin);
    rename_key(node, "most_depth", "max_depth", origin);
  }
};

}  // namespace fourm
