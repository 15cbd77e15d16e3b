// Visualisation of feature maps: their three principal components as red, green and blue. Vectors are normalised to unit
// length, because features are compared by cosine and tokenizers trained with that loss do not keep lengths.
#pragma once

#include <vector>

#include "fourm/io/image.h"

namespace fourm {

/// Computes the components from one map. Other maps, such as a prediction, are then shown in the same colours.
class FeatureColours {
 public:
  /// The mean and the three directions in which the vectors of `map` vary most. Error on an empty map.
  explicit FeatureColours(const Raster<float>& map);
  /// Of any size. Error on a map of another width.
  Image operator()(const Raster<float>& map) const;

 private:
  struct Axis {
    std::vector<float> direction;
    float low = 0, high = 0;  // of the first map along it
  };
  std::vector<float> mean_;
  std::vector<Axis> axes_;
};

}  // namespace fourm
