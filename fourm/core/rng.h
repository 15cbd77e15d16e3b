// Counter-based random numbers (Philox 4x32-10, Salmon et al. 2011). A draw depends only on the seed, the keys that
// name its purpose (sample, target, step, slot, ...) and its index: not on batch, thread count or what was drawn before.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace fourm {

/// One Philox block: four words for a 128-bit counter under a 64-bit key.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// splitmix64's finaliser: every input bit reaches every output bit.
inline uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// A stable 64-bit hash of text, for use as a key.
uint64_t hash_text(std::string_view text);

class Random {
 public:
  /// The stream named by `keys` under `seed`.
  explicit Random(uint64_t seed, std::initializer_list<uint64_t> keys = {});

  uint32_t bits();
  uint64_t bits64();
  double uniform();                         ///< in [0, 1), 53 bits
  double uniform(double low, double high);  ///< in [low, high)
  double normal();                          ///< standard normal
  double log_gamma_draw(
      double shape);         ///< log of a Gamma(shape, 1) draw; safe for tiny shapes, where the draw underflows
  int64_t below(int64_t n);  ///< integer in [0, n); n > 0; unbiased
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }  ///< inclusive
  bool chance(double p) { return uniform() < p; }
  /// An index with probability proportional to its weight. Weights are at least 0; Error when none is positive.
  size_t choice(const std::vector<double>& weights);
  std::vector<int64_t> permutation(int64_t n);

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(static_cast<int64_t>(i))]);
  }
  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[below(static_cast<int64_t>(items.size()))];
  }

 private:
  std::array<uint32_t, 2> key_;
  uint64_t stream_ = 0, block_ = 0;
  std::array<uint32_t, 4> words_{};
  int used_ = 4;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace fourm
