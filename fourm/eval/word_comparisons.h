// Boxes and captions of a model against the truth.
#pragma once

#include "fourm/eval/comparison.h"
#include "fourm/text/boxes.h"

namespace fourm {

/// Does the caption name the thing, as a word of its own, in the singular or in the plural?
bool names_thing(const std::string& caption, const std::string& thing);

/// The things of one scene that a caption should name.
struct SceneObjects {
  std::string largest;             ///< class of the largest piece of furniture; empty: there is none
  std::vector<std::string> large;  ///< classes of the large pieces, each once
};

/// The share of the scene's large objects that are named, and whether the largest one is. The ceiling is the truth's
/// own caption, the baseline always names the three classes that are most often large: a caption of Rooms names three
/// at most. Scenes without large objects, or without any, are left out.
std::vector<Comparison> compare_captions(const std::vector<std::string>& model, const std::vector<std::string>& truth,
                                         const std::vector<SceneObjects>& scenes);

/// Boxes of one image.
using Boxes = std::vector<LabelledBox>;

/// AP50. Boxes as text have no scores: larger boxes count as surer. The ceiling is the truth as the text can say it,
/// the baseline finds the mean box of every class in every image.
Comparison compare_boxes(const std::vector<Boxes>& model, const std::vector<Boxes>& ceiling,
                         const std::vector<Boxes>& truth, uint64_t seed);

}  // namespace fourm
