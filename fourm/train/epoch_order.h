// The order of training samples: all of them once an epoch, each epoch in an order of its own.
#pragma once

#include "fourm/core/rng.h"

namespace fourm {

class EpochOrder {
 public:
  EpochOrder(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream) {}

  /// Which of n samples is used at an index, counted from the first sample of the run.
  int64_t sample(int64_t index, int64_t n) {
    if (index / n != epoch_) {
      epoch_ = index / n;
      order_ = Random(seed_, {stream_, static_cast<uint64_t>(epoch_)}).permutation(n);
    }
    return order_[static_cast<size_t>(index % n)];
  }

 private:
  uint64_t seed_, stream_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
};

}  // namespace fourm
