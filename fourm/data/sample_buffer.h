// Repeated sampling (Feichtenhofer et al. 2022; paper appendix E.7): samples stay in memory and are used several times,
// so that reading them costs less.
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

#include "fourm/core/error.h"
#include "fourm/core/rng.h"

namespace fourm {

template <class Sample>
class SampleBuffer {
 public:
  /// `read`: the sample of a number from 0 on; may be called from several threads. With 1 repeat nothing is kept: visit
  /// n is sample n. `stream` tells buffers of one seed apart.
  SampleBuffer(std::function<Sample(int64_t)> read, int64_t samples, int64_t repeats, uint64_t seed,
               uint64_t stream = 0);

  /// Both may be called from several threads, for visits in about rising order.
  std::shared_ptr<const Sample> sample(int64_t visit);
  /// The number of the sample of a visit.
  int64_t number(int64_t visit);

 private:
  struct Filling {
    std::vector<int64_t> order;                                // sample numbers by visit
    std::map<int64_t, std::shared_ptr<const Sample>> samples;  // read so far
  };

  Filling& filling(int64_t turn);  // with mutex_ held

  std::function<Sample(int64_t)> read_;
  int64_t samples_, repeats_;
  uint64_t seed_, stream_;
  std::mutex mutex_;
  std::map<int64_t, Filling> fillings_;  // the current one, and its neighbours while threads are there
};

template <class Sample>
SampleBuffer<Sample>::SampleBuffer(std::function<Sample(int64_t)> read, int64_t samples, int64_t repeats, uint64_t seed,
                                   uint64_t stream)
    : read_(std::move(read)), samples_(samples), repeats_(repeats), seed_(seed), stream_(stream) {
  check(samples > 0 && repeats > 0, "repeats and repeat_buffer should be at least 1, got ", repeats, " and ", samples);
}

template <class Sample>
typename SampleBuffer<Sample>::Filling& SampleBuffer<Sample>::filling(int64_t turn) {
  fillings_.erase(fillings_.begin(), fillings_.lower_bound(turn - 1));
  Filling& filling = fillings_[turn];
  if (filling.order.empty()) {
    filling.order =
        Random(seed_, {hash_text("repeats") + stream_, static_cast<uint64_t>(turn)}).permutation(samples_ * repeats_);
    for (int64_t& place : filling.order) place = turn * samples_ + place % samples_;
  }
  return filling;
}

template <class Sample>
int64_t SampleBuffer<Sample>::number(int64_t visit) {
  if (repeats_ == 1) return visit;
  const int64_t visits = samples_ * repeats_;
  const std::lock_guard lock(mutex_);
  return filling(visit / visits).order[visit % visits];
}

template <class Sample>
std::shared_ptr<const Sample> SampleBuffer<Sample>::sample(int64_t visit) {
  const int64_t number = this->number(visit), turn = number / samples_;
  const auto fresh = [&] { return std::make_shared<const Sample>(read_(number)); };
  if (repeats_ == 1) return fresh();
  {
    const std::lock_guard lock(mutex_);
    const auto& samples = filling(turn).samples;
    if (const auto found = samples.find(number); found != samples.end()) return found->second;
  }
  const auto sample = fresh();  // two threads may both read it: they read the same
  const std::lock_guard lock(mutex_);
  if (const auto filling = fillings_.find(turn); filling != fillings_.end()) filling->second.samples[number] = sample;
  return sample;
}

}  // namespace fourm
