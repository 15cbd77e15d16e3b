// Predicted tokens beside the true ones, for modalities without a measure of their own.
#pragma once

#include "fourm/eval/comparison.h"

namespace fourm {

/// The tokens of each sample; kUnknownToken (generate/canvas.h) where they are not known.
using TokenLists = std::vector<std::vector<int64_t>>;

/// "NAME: token accuracy", the mean over samples of the fraction of positions at which the tokens are equal, up to the end of the
/// longer list; and "NAME: exact match", the fraction of samples at which all are. Positions of unknown true tokens are left out, and
/// so are samples without any other. The ceilings are 1, and the baselines predict the most frequent token of each position and the
/// most frequent list. Nothing when no true token is known.
std::vector<Comparison> compare_tokens(const std::string& name, const TokenLists& model, const TokenLists& truth);

}  // namespace fourm
