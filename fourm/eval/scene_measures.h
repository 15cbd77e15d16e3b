// Measures of the objects in a scene, for data sets that describe their scenes as Rooms does. Such a data set has
//
//   scene     NAME.json: {"largest": CLASS or "none", "things": [{"class_name": CLASS, "furniture": BOOL, "pixels": N}]};
//             other keys are ignored
//   caption   for the measures of captions
//   rgb, semseg, and the class names of its labels in dataset.yaml (semseg_classes)
//             for "rgb: main object found"
//   caption   in the words of Rooms ("a red chair on the left, grey walls"), for "rgb: named colour found" and
//             "rgb: object at named place"
//   det       for "rgb: class found in its box"
//
// Objects of a generated image are found by the evaluated model's own prediction of the semantic map from that image.
// An evaluation lists these measures as not measured where the data set lacks one of them.
#pragma once

#include <map>

#include "fourm/core/json.h"
#include "fourm/eval/comparison.h"
#include "fourm/io/image.h"
#include "fourm/text/boxes.h"

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

/// The fraction of the scene's large objects that the caption names, and whether it names the largest one. The ceiling is
/// the ground-truth caption. The baseline is one caption for all samples that names the three classes that are most often
/// large: a caption of Rooms names three at most. Scenes without large objects, or without any, are left out.
std::vector<Comparison> compare_captions(const std::vector<std::string>& model, const std::vector<std::string>& truth,
                                         const std::vector<SceneObjects>& scenes);

/// The fraction of the image that each label covers. [256]
std::vector<double> label_areas(const Raster<uint8_t>& labels);

/// Whether the class covers 2 to 75 % of the image. `classes`: the class name of each label.
bool is_found(const std::vector<double>& areas, const std::string& class_name, const std::vector<std::string>& classes);

/// The fraction of the generated images in which the largest object of their scene is found. `generated`, `truth`:
/// label_areas of one segmentation model on the generated images and on the true images reconstructed by the tokenizer. The
/// ceiling is the fraction of the reconstructed images; the baseline is the fraction of the images that were generated for
/// the other scenes, as for a generator that ignores its prompt or a segmentation model that predicts the same everywhere.
/// Scenes without objects are left out.
Comparison compare_main_object(const std::vector<std::vector<double>>& generated,
                               const std::vector<std::vector<double>>& truth, const std::vector<SceneObjects>& scenes,
                               const std::vector<std::string>& classes);

/// What a caption says of the objects of a class, or of a surface of the room.
struct NamedObject {
  std::string class_name;
  std::string colour;  ///< one of kColourNames; empty: none is named
  std::string place;   ///< "left", "middle" or "right"; empty: none is named
};

/// The classes that the caption names in the singular or plural, with the word before ("two red chairs") as the colour if
/// it is one, and the words after ("on the left") as the place.
std::vector<NamedObject> named_objects(const std::string& caption, const std::vector<std::string>& classes);

/// What an image shows of a class.
struct ClassView {
  double share = 0;  ///< of the image
  Colour colour{};   ///< the median of each channel over its pixels
  double x = 0;      ///< mean over its pixels, 0 left to 1 right
};
using SceneView = std::map<std::string, ClassView>;  ///< by class name; classes without pixels are left out
SceneView view_of(const Image& rgb, const Raster<uint8_t>& labels, const std::vector<std::string>& classes);

/// The fraction of the colours named in a caption that are found: the class covers half a percent of the image or more, and
/// the colour nearest to its median pixel has that name. Captions name the colour of a surface, which the light of a room
/// darkens by a quarter on average, so the median is multiplied by 4/3. Ceiling and baseline are as of
/// compare_main_object. Scenes whose captions name no colour are left out.
Comparison compare_colours(const std::vector<SceneView>& generated, const std::vector<SceneView>& truth,
                           const std::vector<std::string>& captions, const std::vector<std::string>& classes);

/// The fraction of the places named in a caption at which the class is found: it covers half a percent of the image or more,
/// and the mean x of its pixels is below 0.38 (left), above 0.62 (right) or between (middle), as in the captions of Rooms.
Comparison compare_places(const std::vector<SceneView>& generated, const std::vector<SceneView>& truth,
                          const std::vector<std::string>& captions, const std::vector<std::string>& classes);

/// The fraction of the scene's boxes, of those that cover 2 % of the image or more, in which their class covers a quarter of
/// the box or more. `generated`, `truth`: the segmentations of the images.
Comparison compare_box_contents(const std::vector<Raster<uint8_t>>& generated,
                                const std::vector<Raster<uint8_t>>& truth,
                                const std::vector<std::vector<LabelledBox>>& boxes,
                                const std::vector<std::string>& classes);

}  // namespace fourm
