// A set of a training mixture: what is read of it, how often, and how its samples are masked.
#pragma once

#include <optional>

#include "fourm/core/config.h"
#include "fourm/data/masking.h"

namespace fourm {

/// What a set changes of the recipe's masking. What is empty is as in the recipe.
struct SetMasking {
  std::vector<int64_t> input_tokens, target_tokens;
  std::vector<MaskingComponent> mixture;

  template <class Visitor>
  void fields(Visitor& v) {
    v("input_tokens", input_tokens, "minimum and maximum input tokens of a sample of this set", at_least(0));
    v("target_tokens", target_tokens, "minimum and maximum target tokens of a sample of this set", at_least(0));
    v("mixture", mixture, "ways of drawing budgets for this set");
  }
};

/// An item of a recipe's `mixture`.
struct TrainingSet {
  std::string path;
  double weight = 1;
  std::vector<std::string> domains_in, domains_out;
  std::optional<int64_t> repeats;
  std::optional<bool> aligned_captions;
  SetMasking masking;

  template <class Visitor>
  void fields(Visitor& v) {
    v("path", path, "a folder or shards, as `data` of the recipe", KeyRole::kChangeable);
    v("weight", weight, "sampling weight of this set, relative to the others (to a thousandth)", at_least(0));
    v("domains_in", domains_in, "input modalities of this set; empty = those of the model");
    v("domains_out", domains_out, "target modalities of this set; empty = those of the model");
    v("repeats", repeats, "as `repeats` of the recipe, for this set; null = the recipe's", at_least(1));
    v("aligned_captions", aligned_captions, "as `aligned_captions` of the recipe, for this set; null = the recipe's");
    v("masking", masking, "what this set changes of the recipe's masking");
  }
};

}  // namespace fourm
