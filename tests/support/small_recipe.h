// A recipe with a training loop and nothing else.
#pragma once

#include <string>

#include "fourm/train/config.h"

namespace fourm::test {

struct SmallRecipe {
  std::string out;
  TrainingConfig training;

  template <class Visitor>
  void fields(Visitor& v) {
    v("out", out, "the run folder", KeyRole::kChangeable);
    v("training", training, "the loop");
  }
};

}  // namespace fourm::test
