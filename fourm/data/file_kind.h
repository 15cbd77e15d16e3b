// What the files of a modality hold, by its name.
#pragma once

#include <string>

namespace fourm {

/// What the files of a modality hold, from its name up to '@'.
enum class FileKind {
  kImage,    ///< rgb: 8-bit image, or bytes [crops, S, S, 3]
  kNormal,   ///< normal: 8-bit RGB, unit vectors
  kDepth,    ///< depth: as decode_depth reads it
  kLabels,   ///< semseg: palette or grey PNG
  kMap,      ///< instance, mask: grey PNG
  kCaption,  ///< caption
  kBoxes,    ///< det
  kTokens,   ///< tok_...
  kCrops,    ///< crop_settings
  kOther,    ///< anything else: a valid file of its extension, and a readable text where it is one
};
FileKind file_kind(const std::string& modality);

}  // namespace fourm
