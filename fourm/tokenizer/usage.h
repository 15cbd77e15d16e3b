// Usage and perplexity of a codebook, from a stream of tokens.
#pragma once

#include <cstdint>
#include <vector>

namespace fourm {

class CodeUsage {
 public:
  /// Distinct codes are counted over windows of `window` tokens (256 images of 256 tokens in the original).
  explicit CodeUsage(int64_t codebook_size, int64_t window = 65536);

  /// Tokens in [0, codebook_size).
  void add(const int64_t* tokens, int64_t count);

  int64_t tokens() const { return total_; }
  /// Mean over full windows of (distinct codes / K); the unfinished window alone while there is no full one.
  double usage() const;
  /// exp of the entropy of all tokens: K when all codes are equally frequent.
  double perplexity() const;

 private:
  int64_t window_, total_ = 0, windows_ = 0, distinct_ = 0;
  double sum_ = 0;
  std::vector<int64_t> counts_, seen_in_;
};

}  // namespace fourm
