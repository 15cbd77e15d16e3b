// Repeated sampling (Feichtenhofer et al. 2022; paper appendix E.7): samples stay in memory and are used several times,
// so that reading them costs less.
//
// A buffer is filled with new samples, its samples are returned in random order, each `repeats` times, then it is filled
// again. The sample at an index is a function of the index alone, so that a run can resume at any index.
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
  /// `read`: the sample of a number from 0 on; may be called from several threads. With 1 repeat nothing is kept: index n
  /// is sample n. `stream` makes the orders of several buffers with one seed differ.
  SampleBuffer(std::function<Sample(int64_t)> read, int64_t samples, int64_t repeats, uint64_t seed,
               uint64_t stream = 0);

  /// The sample at an index, and its number. Both may be called from several threads, with indices in about rising order.
  std::shared_ptr<const Sample> sample(int64_t index);
  int64_t number(int64_t index);

 private:
  struct Filling {
    std::vector<int64_t> order;                                // sample numbers by index
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
int64_t SampleBuffer<Sample>::number(int64_t index) {
  if (repeats_ == 1) return index;
  const int64_t length = samples_ * repeats_;
  const std::lock_guard lock(mutex_);
  return filling(index / length).order[index % length];
}

template <class Sample>
std::shared_ptr<const Sample> SampleBuffer<Sample>::sample(int64_t index) {
  const int64_t number = this->number(index), turn = number / samples_;
  const auto read = [&] { return std::make_shared<const Sample>(read_(number)); };
  if (repeats_ == 1) return read();
  {
    const std::lock_guard lock(mutex_);
    const auto& samples = filling(turn).samples;
    if (const auto found = samples.find(number); found != samples.end()) return found->second;
  }
  const auto sample = read();  // two threads may both read it: they read the same
  const std::lock_guard lock(mutex_);
  if (const auto filling = fillings_.find(turn); filling != fillings_.end()) filling->second.samples[number] = sample;
  return sample;
}

}  // namespace fourm
