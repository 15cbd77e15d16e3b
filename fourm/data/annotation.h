// Captions and boxes: what their files say, and the texts that a model reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/json.h"
#include "fourm/text/boxes.h"

namespace fourm {

struct Annotation {
  std::vector<std::string> texts;                 ///< captions; any of them fits
  std::optional<std::vector<LabelledBox>> boxes;  ///< instead
  double height = 0, width = 0;                   ///< of the picture that the boxes lie in; 0: not said
};

/// A text, a list of texts or of {"caption": ...}, or {"instances": [{"boxes", "class_name", "score"}]}, perhaps with
/// "height" and "width" of the picture. Error naming `where` on anything else: no text, an empty list, a corner
/// outside 0..1, corners in the wrong order, a score outside 0..1.
Annotation parse_annotation(const Json& json, const std::string& where);

/// The same from a file's bytes: "txt" (valid UTF-8) or "json".
Annotation decode_annotation(std::string_view bytes, const std::string& extension, const std::string& where);

/// The texts as seen in a crop, if there is one: mirrored captions, or the boxes inside it as one string of `bins`
/// coordinates.
std::vector<std::string> annotation_texts(const Annotation& annotation, const std::optional<CropView>& crop,
                                          int64_t bins, const std::string& where);

}  // namespace fourm
