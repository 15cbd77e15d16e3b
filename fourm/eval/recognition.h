// Is what a caption asks for found again in the image painted from it?
#pragma once

#include "fourm/eval/comparison.h"
#include "fourm/eval/word_comparisons.h"
#include "fourm/io/image.h"

namespace fourm {

/// The share of the image that each label covers. [256]
std::vector<double> label_areas(const Raster<uint8_t>& labels);

/// Does the class cover between 2 and 75 % of the image?
bool is_found(const std::vector<double>& areas, const std::string& class_name);

/// How often the largest object of each scene is found in its painted image. `painted`, `truth`: label_areas of one
/// segmenter on the painted images and on the true ones. The ceiling is how often it is found in its true image,
/// the baseline how often in the images painted for the other scenes: a painter that does not listen, or a segmenter
/// that sees the same everywhere, gets no more. Scenes without furniture are left out.
Comparison compare_recognition(const std::vector<std::vector<double>>& painted,
                               const std::vector<std::vector<double>>& truth, const std::vector<SceneObjects>& scenes);

}  // namespace fourm
