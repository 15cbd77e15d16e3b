// Average precision of labelled boxes (Everingham et al. 2010; Lin et al. 2014).
#pragma once

#include <map>
#include <vector>

#include "fourm/text/boxes.h"

namespace fourm {

/// Shared area over joint area; 0 when both are empty.
double intersection_over_union(const LabelledBox& a, const LabelledBox& b);

/// What was predicted on one image, and whether it was right.
struct BoxMatches {
  struct Guess {
    double score;
    bool right;
  };
  std::map<std::string, std::vector<Guess>> guesses;  ///< by class
  std::map<std::string, int64_t> truths;              ///< boxes that there are, by class
};

/// Best scores first, each predicted box takes the free true box of its class that it overlaps most, if by `least` or
/// more.
BoxMatches match_boxes(std::vector<LabelledBox> predicted, const std::vector<LabelledBox>& truth, double least = 0.5);

/// Mean over the classes in truth of the area under precision by recall, where the precision at a recall is the best at
/// that or any higher one. Equal scores count as one step. 0 when there is no truth.
double average_precision(const std::vector<const BoxMatches*>& images);

}  // namespace fourm
