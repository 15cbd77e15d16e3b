#include "fourm/nn/drop_path.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"

namespace fourm {

Tensor drop_path_factors(const DropPath& drop, DropPathStack stack, int64_t blocks, int64_t branches,
                         const std::vector<int64_t>& lengths) {
  check(drop.samples.size() == lengths.size(), "[DropPath] ", drop.samples.size(), " numbers for ", lengths.size(),
        " samples");
  int64_t rows = 0;
  for (const int64_t n : lengths) rows += n;
  const Tensor factors = at::empty({blocks, branches, rows, 1});
  auto* to = factors.data_ptr<float>();
  for (int64_t block = 0; block < blocks; ++block) {
    const double rate = blocks > 1 ? drop.rate * static_cast<double>(block) / static_cast<double>(blocks - 1) : 0;
    for (int64_t branch = 0; branch < branches; ++branch)
      for (size_t sample = 0; sample < lengths.size(); ++sample) {
        Random random(drop.seed, {hash_text("drop path"), drop.samples[sample], static_cast<uint64_t>(stack),
                                  static_cast<uint64_t>(block), static_cast<uint64_t>(branch)});
        to = std::fill_n(to, lengths[sample], random.chance(rate) ? 0.0F : static_cast<float>(1 / (1 - rate)));
      }
  }
  return factors;
}

Tensor with_drop_path(const EncoderBlock& block, const Tensor& x, const AttentionLayout& layout,
                      const Tensor& factors) {
  const Tensor none = at::zeros_like(x);  // as the residual, so that the sum is the branch
  const Tensor h = x + block.attn.with_residual(block.norm1(x), layout, none) * factors[0];
  return h + block.mlp.with_residual(block.norm2(h), none) * factors[1];
}

Tensor with_drop_path(const DecoderBlock& block, const Tensor& y, const CrossAttention::Keys& context,
                      const AttentionLayout& within, const AttentionLayout& across, const Tensor& factors) {
  const Tensor none = at::zeros_like(y);
  Tensor h = y + block.self_attn.with_residual(block.norm1(y), within, none) * factors[0];
  const int64_t seeing = across.segments.empty() ? 0 : across.segments.back().q_end;
  if (seeing > 0) {
    const Tensor part = h.slice(0, 0, seeing);
    const Tensor branch =
        block.cross_attn.with_residual(block.query_norm(part), context, across, none.slice(0, 0, seeing));
    const Tensor sum = part + branch * factors[1].slice(0, 0, seeing);
    h = seeing == h.size(0) ? sum : at::cat({sum, h.slice(0, seeing)});
  }
  return h + block.mlp.with_residual(block.norm2(h), none) * factors[2];
}

}  // namespace fourm
