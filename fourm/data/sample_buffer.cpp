#include "fourm/data/sample_buffer.h"

#include "fourm/core/error.h"
#include "fourm/core/rng.h"

namespace fourm {

SampleBuffer::SampleBuffer(std::function<TokenSample(int64_t)> read, int64_t samples, int64_t repeats, uint64_t seed)
    : read_(std::move(read)), samples_(samples), repeats_(repeats), seed_(seed) {
  check(samples > 0 && repeats > 0, "repeats and repeat_buffer should be at least 1, got ", repeats, " and ", samples);
}

std::shared_ptr<const TokenSample> SampleBuffer::sample(int64_t visit) {
  const auto fresh = [&](int64_t number) { return std::make_shared<const TokenSample>(read_(number)); };
  if (repeats_ == 1) return fresh(visit);
  const int64_t visits = samples_ * repeats_, turn = visit / visits;
  int64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    fillings_.erase(fillings_.begin(), fillings_.lower_bound(turn - 1));
    Filling& filling = fillings_[turn];
    if (filling.order.empty()) {
      filling.order = Random(seed_, {hash_text("repeats"), static_cast<uint64_t>(turn)}).permutation(visits);
      for (int64_t& place : filling.order) place = turn * samples_ + place % samples_;
    }
    number = filling.order[visit % visits];
    if (const auto found = filling.samples.find(number); found != filling.samples.end()) return found->second;
  }
  const auto sample = fresh(number);  // two threads may both read it: they read the same
  const std::lock_guard lock(mutex_);
  if (const auto filling = fillings_.find(turn); filling != fillings_.end()) filling->second.samples[number] = sample;
  return sample;
}

}  // namespace fourm
