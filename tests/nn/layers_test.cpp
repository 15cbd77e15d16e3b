#include "fourm/nn/layers.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

template <class Cache>
concept TakenBySelfAttention = requires(const SelfAttention& attention, const Tensor& x, const AttentionLayout& layout,
                                        Cache* cache) {
  attention.with_residual(x, layout, x, cache);
};

// Keys and values are written into the cache, so that a const one cannot be given.
TEST(SelfAttention, TheCacheIsNotConst) {
  EXPECT_TRUE(TakenBySelfAttention<SelfAttention::Cache>);
  EXPECT_FALSE(TakenBySelfAttention<const SelfAttention::Cache>);
}

}  // namespace
}  // namespace fourm
