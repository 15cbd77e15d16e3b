#include "fourm/data/sample_buffer.h"

#include "fourm/core/error.h"
#include "fourm/core/rng.h"

namespace fourm {

SampleBuffer::SampleBuffer(std::function<TokenSample(int64_t)> read, int64_t samples, int64_t repeats, uint64_t seed,
                           uint64_t stream)
    : read_(std::move(read)), samples_(samples), repeats_(repeats), seed_(seed), stream_(stream) {
  check(samples > 0 && repeats > 0, "repeats and repeat_buffer should be at least 1, got ", repeats, " and ", samples);
}

SampleBuffer::Filling& SampleBuffer::filling(int64_t turn) {
  fillings_.erase(fillings_.begin(), fillings_.lower_bound(turn - 1));
  Filling& filling = fillings_[turn];
  if (filling.order.empty()) {
    filling.order =
        Random(seed_, {hash_text("repeats") + stream_, static_cast<uint64_t>(turn)}).permutation(samples_ * repeats_);
    for (int64_t& place : filling.order) place = turn * samples_ + place % samples_;
  }
  return filling;
}

int64_t SampleBuffer::number(int64_t visit) {
  if (repeats_ == 1) return visit;
  const int64_t visits = samples_ * repeats_;
  const std::lock_guard lock(mutex_);
  return filling(visit / visits).order[visit % visits];
}

std::shared_ptr<const TokenSample> SampleBuffer::sample(int64_t visit) {
  const int64_t number = this->number(visit), turn = number / samples_;
  const auto fresh = [&] { return std::make_shared<const TokenSample>(read_(number)); };
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
