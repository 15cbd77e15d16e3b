// Measures of the objects in a scene, for data sets that describe their scenes as Rooms does. Such a data set has
//
//   scene     NAME.json: {"largest": CLASS or "none", "things": [{"class_name": CLASS, "furniture": BOOL, "pixels": N}]};
//             other keys are ignored
//   caption   for the measures of captions
//   rgb, semseg, and the class names of its labels in dataset.yaml (semseg_classes)
//             for "rgb: main object found"
//
// An evaluation lists these measures as not measured where the data set lacks one of them.
#pragma once

#include "fourm/core/json.h"
#include "fourm/eval/comparison.h"
#include "fourm/io/image.h"

namespace fourm {

/// The objects of one scene that a caption should name.
struct SceneObjects {
  std::string largest;             ///< class of the largest object; empty: the scene has none
  std::vector<std::string> large;  ///< classes of the furniture that covers 5 % of the image or more, each once
};

/// Reads the JSON of a scene. `image_pixels`: number of pixels of the image as stored. Error on a missing key.
SceneObjects scene_objects(const Json& scene, double image_pixels, const std::string& origin);

/// Whether the caption contains the class name as whole words, in the singular or the plural.
bool names_object(const std::string& caption, const std::string& class_name);

/// The share of the scene's large objects that the caption names, and whether it names the largest one. The ceiling is
/// the ground-truth caption. The baseline is one caption for all samples that names the three classes that are most often
/// large: a caption of Rooms names three at most. Scenes without large objects, or without any, are left out.
std::vector<Comparison> compare_captions(const std::vector<std::string>& model, const std::vector<std::string>& truth,
                                         const std::vector<SceneObjects>& scenes);

/// The share of the image that each label covers. [256]
std::vector<double> label_areas(const Raster<uint8_t>& labels);

/// Whether the class covers 2 to 75 % of the image. `classes`: the class name of each label.
bool is_found(const std::vector<double>& areas, const std::string& class_name, const std::vector<std::string>& classes);

/// The share of the generated images in which the largest object of their scene is found. `generated`, `truth`:
/// label_areas of one segmentation model on the generated and on the true images. The ceiling is the share of the true
/// images; the baseline is the share of the images that were generated for the other scenes, as for a generator that
/// ignores its prompt or a segmentation model that predicts the same everywhere. Scenes without objects are left out.
Comparison compare_main_object(const std::vector<std::vector<double>>& generated,
                               const std::vector<std::vector<double>>& truth, const std::vector<SceneObjects>& scenes,
                               const std::vector<std::string>& classes);

}  // namespace fourm
