// The files of sequences: captions, boxes, metadata, palettes and poses; and the texts that a model reads (the
// original's CaptionTransform, DetectionTransform, MetadataTransform, ColorPaletteTransform and HumanPoseTransform in
// fourm/data/modality_transforms.py).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/json.h"
#include "fourm/text/boxes.h"
#include "fourm/text/structured.h"

namespace fourm {

/// How the JSON of a sequence is read.
enum class TextForm {
  kText,      ///< texts or boxes
  kMetadata,  ///< metadata
  kPalette,   ///< color_palette
  kPoses,     ///< human_poses
};
/// The form of a modality, from its name up to '@'.
TextForm text_form(const std::string& modality);

/// Whether the texts of a modality are positions in pixels of one crop (sam_instance): text k belongs to crop k only.
bool is_text_of_crop(const std::string& modality);

/// The content of one file: exactly one of texts, boxes, metadata, palettes and people.
struct Annotation {
  std::vector<std::string> texts;                 ///< captions; any of them fits
  std::optional<std::vector<LabelledBox>> boxes;  ///< instead
  double height = 0, width = 0;                   ///< of the image that the boxes lie in; 0: not said
  std::optional<Metadata> metadata;
  std::vector<std::vector<PaletteColour>> palettes;  ///< any of them fits
  std::optional<std::vector<HumanPose>> people;
  bool boxes_in_pixels = false;  ///< of people; otherwise 0 to 1

  /// Whether it holds boxes or poses, which lie in an image and are cut with it.
  bool has_regions() const { return boxes.has_value() || people.has_value(); }
};

/// Texts: a text, {"caption": text or list} or {"text": ...}, a list of these. Boxes: {"instances": [{"boxes",
/// "class_name", "score"}]}, perhaps with "height" and "width" of the image. Corners and scores up to 0.001 outside
/// 0..1 are clipped. The other forms are those of the original. Error naming `where` on anything else: no text, an
/// empty list, a corner outside 0..1, corners in the wrong order, a score outside 0..1.
Annotation parse_annotation(const Json& json, const std::string& where, TextForm form = TextForm::kText);

/// The same from a file's bytes: "txt" (valid UTF-8, a caption) or "json".
Annotation decode_annotation(std::string_view bytes, const std::string& extension, const std::string& where,
                             TextForm form = TextForm::kText);

/// The view of the annotated image without crop settings: the largest square in its middle. `image` is that view of an
/// image of the same sample, for annotations that do not state their size. Absent: the size is unknown.
std::optional<CropView> centre_view(const Annotation& annotation, const std::optional<CropView>& image);

/// How one text is drawn from an annotation.
struct TextDraw {
  std::optional<CropView> view;   ///< the crop of the image; absent: its middle square, the whole if no size is known
  std::optional<int64_t> number;  ///< of the caption; absent: a random one
  bool mirror = true;             ///< exchange left and right in the captions of a mirrored view
  int64_t bins = 1000;            ///< steps of a box coordinate
};

/// One text in the pieces that masking keeps or hides whole: metadata in random order give a piece each, everything
/// else is one piece. Boxes are cut and mirrored with the view; palettes and the groups of people come in random order.
std::vector<std::string> draw_text(const Annotation& annotation, const TextDraw& draw, Random& random,
                                   const std::string& where);

}  // namespace fourm
