// In which order training visits its samples: all of them once an epoch, each epoch in an order of its own.
#pragma once

#include "fourm/core/rng.h"

namespace fourm {

class Visits {
 public:
  Visits(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}

  /// Which of n samples comes at a visit, counted from the first of the run.
  int64_t sample(int64_t visit, int64_t n) {
    if (visit / n != epoch_) {
      epoch_ = visit / n;
      order_ = Random(seed_, {stream_, static_cast<uint64_t>(epoch_)}).permutation(n);
    }
    return order_[static_cast<size_t>(visit % n)];
  }

 private:
  uint64_t seed_, stream_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
};

}  // namespace fourm
