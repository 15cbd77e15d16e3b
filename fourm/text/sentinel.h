// Span masking of token sequences with sentinels, as in T5 (Raffel et al. 2020) and 4M (paper appendix C.1; the
// original's fourm/data/masking.py), and back.
#pragma once

#include <cstdint>
#include <vector>

#include "fourm/core/rng.h"

namespace fourm {

/// The ids of [S_0], [S_1], ...
struct SentinelRange {
  int64_t first = 0, count = 0;
  bool contains(int64_t id) const { return id >= first && id - first < count; }
};

struct SpanMasked {
  std::vector<int64_t> input;   ///< the kept ids, a sentinel for each masked run
  std::vector<int64_t> target;  ///< sentinel and masked run in turn, closed by one more sentinel
};

/// Numbering starts at [S_1]; [S_0] is never used. When the sentinels run out, the last one's run takes in everything
/// up to the last masked id, so that the result is always whole. `keep` has a flag for each id; ids hold no sentinels;
/// needs at least three sentinels.
SpanMasked mask_spans(const std::vector<int64_t>& ids, const std::vector<bool>& keep, SentinelRange sentinels);

/// The inverse: each sentinel of `input` is replaced by the ids that follow the same sentinel in `output`. Spans whose
/// sentinel is not in `input` are dropped, and so are sentinels without a span. A repeated sentinel extends its span.
std::vector<int64_t> merge_spans(const std::vector<int64_t>& input, const std::vector<int64_t>& output,
                                 SentinelRange sentinels);

/// At most `budget` ids of a target of mask_spans, beginning at a sentinel: from a random one (not the last) if it
/// fills the budget, otherwise the longest suffix that begins at a sentinel and fits.
std::vector<int64_t> cut_target(const std::vector<int64_t>& target, int64_t budget, SentinelRange sentinels,
                                Random& random);

}  // namespace fourm
