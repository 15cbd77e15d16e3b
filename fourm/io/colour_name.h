// The names of colours.
#pragma once

#include <string_view>

#include "fourm/io/image.h"

namespace fourm {

inline constexpr std::string_view kColourNames[] = {"white", "black",  "grey",  "red",  "orange", "brown",
                                                    "beige", "yellow", "green", "blue", "purple", "pink"};

/// The name of an sRGB colour, one of kColourNames: by its hue, and at low saturation by its brightness.
std::string_view colour_name(const Colour& srgb);

}  // namespace fourm
