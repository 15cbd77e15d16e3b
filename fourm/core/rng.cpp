#include "fourm/core/rng.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "fourm/core/error.h"

namespace fourm {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(b),
         static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(a)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

uint64_t hash_text(std::string_view text) {
  uint64_t h = 0xCBF29CE484222325;
  for (const unsigned char c : text) h = (h ^ c) * 0x100000001B3;
  return mix(h);
}

Random::Random(uint64_t seed, std::initializer_list<uint64_t> keys)
    : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)} {
  for (const uint64_t key : keys) stream_ = mix(stream_ ^ mix(key));
}

uint32_t Random::bits() {
  if (used_ == 4) {
    words_ = philox({static_cast<uint32_t>(block_), static_cast<uint32_t>(block_ >> 32), static_cast<uint32_t>(stream_),
                     static_cast<uint32_t>(stream_ >> 32)},
                    key_);
    ++block_;
    used_ = 0;
  }
  return words_[used_++];
}

uint64_t Random::bits64() {
  const uint64_t high = bits();
  return high << 32 | bits();
}

double Random::uniform() { return static_cast<double>(bits64() >> 11) * 0x1p-53; }

double Random::uniform(double low, double high) { return low + (high - low) * uniform(); }

double Random::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(1 - uniform())), angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

// Marsaglia and Tsang (2000); for shape < 1 the boost U^(1/shape) is applied in log space.
double Random::log_gamma_draw(double shape) {
  check(shape > 0, "[log_gamma_draw] the shape must be positive, got ", shape);
  if (shape < 1) return log_gamma_draw(shape + 1) + std::log(1 - uniform()) / shape;
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - uniform()) < 0.5 * x * x + d * (1 - v + std::log(v))) return std::log(d * v);
  }
}

int64_t Random::below(int64_t n) {
  check(n > 0, "[Random::below] the range is empty");
  const uint64_t range = static_cast<uint64_t>(n), limit = -range % range;
  uint64_t x = bits64();
  while (x < limit) x = bits64();
  return static_cast<int64_t>(x % range);
}

size_t Random::choice(const std::vector<double>& weights) {
  double rest = uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (size_t i = 0; i < weights.size(); ++i)
    if ((rest -= weights[i]) < 0) return i;
  for (size_t i = weights.size(); i-- > 0;)
    if (weights[i] > 0) return i;
  fail("[Random::choice] no weight is positive");
}

std::vector<int64_t> Random::permutation(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  shuffle(order);
  return order;
}

}  // namespace fourm
