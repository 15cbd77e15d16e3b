// Metadata, colour palettes and human poses as token strings (4M-21; the original's
// fourm/data/modality_transforms.py).
// Readers return what is well formed in any text and never throw.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fourm/text/boxes.h"

namespace fourm {

/// Names with values, in the order in which they are written.
using Metadata = std::vector<std::pair<std::string, double>>;

/// original_width, original_height, caption_n_chars, ... in the order of their numbers.
const std::vector<std::string>& metadata_names();

/// One chunk "v1=<type> v0=<value>" a pair. Error on an unknown name.
std::vector<std::string> metadata_to_chunks(const Metadata& metadata);

/// A binned value comes back as the middle of its bin, a size as the multiple of 32 below it. Writing it again gives
/// the same chunks.
Metadata metadata_from_string(std::string_view text);

/// Red, green and blue from 0 to 255.
using PaletteColour = std::array<double, 3>;

/// "v1=<number of colours>", then "v0=<value>" for each channel.
std::string palette_to_string(const std::vector<PaletteColour>& colours);
std::vector<PaletteColour> palette_from_string(std::string_view text);

/// A person: box, and the parameters of a body model.
struct HumanPose {
  std::array<double, 4> box{};     ///< xmin, ymin, xmax, ymax in [0, 1]
  std::array<double, 8> pose{};    ///< tokens of the pose tokenizer, 0..1023
  std::array<double, 9> global{};  ///< global orientation, a rotation matrix, in [-1, 1]
  std::array<double, 3> camera{};  ///< written in [-1, 19]
  std::array<double, 10> shape{};  ///< about normal
  bool has_pose = true;            ///< false: the tokens of the pose are not known, and their group is not written
};

/// The order in which a person's groups are written: 0 pose, 1 global, 2 camera, 3 shape.
using GroupOrder = std::array<int, 4>;

/// One order for each person. Each person ends with a space; no person at all is "none".
std::string poses_to_string(const std::vector<HumanPose>& people, const std::vector<GroupOrder>& orders);
std::vector<HumanPose> poses_from_string(std::string_view text);

}  // namespace fourm
