// Repeated sampling (Feichtenhofer et al. 2022; paper appendix E.7): samples stay in memory and are used several times,
// each time with other masks, so that reading them costs less.
//
// A buffer is filled with fresh samples, its samples are visited in random order, each `repeats` times, then it is
// filled anew. Which sample a visit gets is a function of the visit's number alone, so that a run can go on anywhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "fourm/data/sample.h"

namespace fourm {

class SampleBuffer {
 public:
  /// `read`: the sample of a number from 0 on; may be called from several threads. With 1 repeat nothing is kept: visit
  /// n is sample n. `stream` tells buffers of one seed apart.
  SampleBuffer(std::function<TokenSample(int64_t)> read, int64_t samples, int64_t repeats, uint64_t seed,
               uint64_t stream = 0);

  /// Both may be called from several threads, for visits in about rising order.
  std::shared_ptr<const TokenSample> sample(int64_t visit);
  /// The number of the sample of a visit.
  int64_t number(int64_t visit);

 private:
  struct Filling {
    std::vector<int64_t> order;                                     // sample numbers by visit
    std::map<int64_t, std::shared_ptr<const TokenSample>> samples;  // read so far
  };

  Filling& filling(int64_t turn);  // with mutex_ held

  std::function<TokenSample(int64_t)> read_;
  int64_t samples_, repeats_;
  uint64_t seed_, stream_;
  std::mutex mutex_;
  std::map<int64_t, Filling> fillings_;  // the current one, and its neighbours while threads are there
};

}  // namespace fourm
