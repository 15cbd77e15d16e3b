// A plan with every decoding scheme, for the modalities `a`, `b` and `words` under the condition `pixels`.
#pragma once

#include "fourm/generate/plan.h"

namespace fourm::test {

inline Plan small_plan(double temperature, double guidance) {
  Plan plan;
  plan.conditions = {"pixels"};
  plan.targets = {Target{.modality = "a",
                         .scheme = "maskgit",
                         .schedule = "cosine",
                         .temperature_schedule = "linear",
                         .steps = 4,
                         .temperature = temperature,
                         .guidance = guidance},
                  Target{.modality = "words", .temperature = temperature, .guidance = guidance},
                  Target{.modality = "b",
                         .scheme = "roar",
                         .schedule = "linear",
                         .guidance_schedule = "cosine",
                         .steps = 3,
                         .temperature = temperature,
                         .guidance = guidance}};
  return plan;
}

}  // namespace fourm::test
