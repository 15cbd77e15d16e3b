// Aligned pictures as tokenizers read and write them: numbers in [-1, 1], channels first, or class labels.
#pragma once

#include "fourm/io/image.h"

namespace fourm {

/// Colours and normals: 8-bit RGB, resized to size x size -> [3, size, size] in [-1, 1].
std::vector<float> read_colour_picture(const fs::path& path, int64_t size);
/// Depth: 16-bit grey, of which 0 to 65535 becomes -1 to 1 -> [1, size, size].
std::vector<float> read_depth_picture(const fs::path& path, int64_t size);
/// Class labels, never blended -> [size, size]. Error on a label of `classes` or more.
std::vector<int64_t> read_label_picture(const fs::path& path, int64_t size, int64_t classes);

/// Values in [-1, 1] (clamped), [C, height, width] with C 1 or 3, as an 8-bit picture.
Image to_image(const float* values, int channels, int height, int width);
/// Values in [-1, 1] (clamped), [height, width], as 16-bit depth.
Raster<uint16_t> to_depth(const float* values, int height, int width);

/// "tok_depth@128", "depth@128" and "depth" all show "depth".
std::string shown_by(std::string_view modality);

}  // namespace fourm
