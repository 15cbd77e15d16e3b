// The image file of a sample: the crops of the sample are in pixels of it.
#pragma once

#include <optional>

#include "fourm/data/source.h"
#include "fourm/io/image.h"

namespace fourm {

/// Whether the sample has the modality as an image file.
bool has_image_file(const Source& source, int64_t sample, const std::string& modality);

/// The size of the sample's image file (`rgb`, or else any other), from the header of the file. Nothing when the sample
/// has no image file. Error on a broken header.
std::optional<ImageSize> image_size(const Source& source, int64_t sample);

}  // namespace fourm
