// Usage and perplexity of a codebook, from a stream of tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// How often each of `size` codes occurs in Long codes of any shape: float32 [size].
Tensor code_counts(const Tensor& codes, int64_t size);

/// exp of the entropy of the frequencies of counts [K]: K when all are equal. A scalar of double.
Tensor perplexity(const Tensor& counts);

class CodeUsage {
 public:
  /// Distinct codes are counted over windows of `window` tokens (256 images of 256 tokens in the original).
  explicit CodeUsage(int64_t codebook_size, int64_t window = 65536);

  /// Tokens in [0, codebook_size).
  void add(const int64_t* tokens, int64_t count);

  int64_t tokens() const { return total_; }
  /// Mean over full windows of (distinct codes / K); the unfinished window alone while there is no full one.
  double usage() const;
  /// Of all tokens.
  double perplexity() const;

 private:
  int64_t window_, total_ = 0, windows_ = 0, distinct_ = 0;
  double sum_ = 0;
  std::vector<int64_t> counts_, seen_in_;
};

}  // namespace fourm
