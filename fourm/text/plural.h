// English plurals of class names.
#pragma once

#include <string>

namespace fourm {

/// The regular plural of an English noun: "chairs", "benches", "shelves", "bodies", "washing machines".
std::string plural(const std::string& noun);

}  // namespace fourm
