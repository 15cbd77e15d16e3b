// An input as text: MODALITY=VALUE, or MODALITY[OPTION=..., ...]=VALUE.
#pragma once

#include <optional>
#include <string>

namespace fourm {

struct Input {
  std::string modality{};          ///< "caption", "rgb@128" or a short name (Pipeline::input_name)
  std::string value{};             ///< a file or the text itself (generate/input_value.h)
  std::string keep{};              ///< the part that the model reads (generate/keep_region.h); empty: all
  std::optional<double> weight{};  ///< in weighted multimodal guidance, negative too
};

/// "caption[weight=-1.5]=a bathroom", "tok_rgb@128[keep=left]=room.png". Error on unknown options.
Input parse_input(const std::string& text);

/// The form that parse_input() reads.
std::string input_text(const Input& input);

}  // namespace fourm
