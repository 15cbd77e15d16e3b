#include "fourm/tokenizer/usage.h"

#include "fourm/core/error.h"

namespace fourm {

// at::bincount would wait for the device.
Tensor code_counts(const Tensor& codes, int64_t size) {
  const auto options = codes.options().dtype(at::kFloat);
  return at::zeros({size}, options).index_add_(0, codes.flatten(), at::ones({codes.numel()}, options));
}

Tensor perplexity(const Tensor& counts) {
  const Tensor all = counts.to(at::kDouble);
  return at::special_entr(all / all.sum().clamp_min(1)).sum().exp();
}

CodeUsage::CodeUsage(int64_t codebook_size, int64_t window)
    : window_(window), counts_(codebook_size, 0), seen_in_(codebook_size, -1) {}

void CodeUsage::add(const int64_t* tokens, int64_t count) {
  const auto size = static_cast<int64_t>(counts_.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t t = tokens[i];
    check(t >= 0 && t < size, "token ", t, " is outside the codebook of ", size);
    ++counts_[t];
    if (seen_in_[t] != windows_) ++distinct_;
    seen_in_[t] = windows_;
    if (++total_ % window_ != 0) continue;
    sum_ += static_cast<double>(distinct_) / static_cast<double>(size);
    distinct_ = 0;
    ++windows_;
  }
}

double CodeUsage::usage() const {
  if (windows_ > 0) return sum_ / static_cast<double>(windows_);
  return static_cast<double>(distinct_) / static_cast<double>(counts_.size());
}

double CodeUsage::perplexity() const { return fourm::perplexity(at::tensor(counts_, at::kLong)).item<double>(); }

}  // namespace fourm
