// The crop of a sample that has no `crop_settings`.
#pragma once

#include <optional>

#include "fourm/data/crop.h"
#include "fourm/data/source.h"

namespace fourm {

/// Whether the sample has the modality as an image file.
bool has_image_file(const Source& source, int64_t sample, const std::string& modality);

/// The largest square in the middle of the image of a sample. The size of the image is that of the sample's image file
/// (`rgb`, or else any other image file). Nothing when the sample has no image file. Error on a broken file.
std::optional<CropView> default_view(const Source& source, int64_t sample);

}  // namespace fourm
