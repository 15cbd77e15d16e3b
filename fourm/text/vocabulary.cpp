#include "fourm/text/vocabulary.h"

#include <algorithm>

#include "fourm/core/error.h"

namespace fourm {

int64_t coordinate_bins(const WordPiece& text) {
  int64_t bins = 0;
  while (text.id(concat("v0=", bins))) ++bins;
  return bins;
}

int64_t first_free_id(int64_t pad, int64_t eos, const SentinelRange& sentinels) {
  return std::max({pad, eos, sentinels.first + sentinels.count - 1}) + 1;
}

int64_t first_free_id(const WordPiece& text) { return first_free_id(text.pad(), text.eos(), text.sentinels()); }

}  // namespace fourm
