// The models of the catalogue that are suitable for each part of a room.
#pragma once

#include <map>

#include "fourm/core/rng.h"
#include "fourm/rooms/catalogue.h"

namespace fourm {

class PartModels {
 public:
  /// Only the models of `split` (all for kAll).
  PartModels(const Catalogue& catalogue, Split split);

  /// A random model for a part such as "sofa" or "bedside table"; -1 when there is none.
  int64_t draw(const std::string& part, Random& random) const;

 private:
  std::map<std::string, std::vector<size_t>> models_;
};

}  // namespace fourm
