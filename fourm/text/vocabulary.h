// What a vocabulary reserves for coordinates and for special tokens.
#pragma once

#include <cstdint>

#include "fourm/text/wordpiece.h"

namespace fourm {

/// Number of steps of a box coordinate: how many of v0=0, v0=1, ... are in the vocabulary.
int64_t coordinate_bins(const WordPiece& text);

/// The first id after [PAD], [EOS] and the sentinels. Token ids of a sequence in a .npy file count from it, so that they
/// never collide with these special tokens.
int64_t first_free_id(int64_t pad, int64_t eos, const SentinelRange& sentinels);
int64_t first_free_id(const WordPiece& text);

}  // namespace fourm
