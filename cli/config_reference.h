// The reference of all keys of recipes, plans and modalities: docs/configuration.md.
#pragma once

#include <string>

namespace fourm {

/// Markdown, made from the declarations of the keys.
std::string config_reference();

}  // namespace fourm
