// The kernels of the CPU, for training and for inference, against LibTorch's operators.
#include "fourm/kernels/kernels.h"

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/kernels/aten/aten_kernels.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

// The parameter is whether the kernels are for inference.
class KernelsTest : public testing::TestWithParam<bool> {
 protected:
  /// The same result by the tested kernels and by the reference; `operation` maps Kernels to a Tensor.
  template <class Operation>
  void expect_same(const std::string& name, const Operation& operation) const {
    const Tensor found = operation(*kernels_), expected = operation(*reference_);
    EXPECT_EQ(found.scalar_type(), at::kFloat) << name;
    EXPECT_LE(test::largest_difference(found, expected), 1e-5 * std::max(1.0, expected.abs().max().item<double>()))
        << name;
  }

  std::shared_ptr<const Kernels> kernels_ = make_kernels(GetParam() ? Compute::for_inference() : Compute{}),
                                 reference_ = make_kernels(Compute::for_reference());
  NoGradGuard no_grad_;
};

INSTANTIATE_TEST_SUITE_P(Cpu, KernelsTest, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "Inference" : "Training"; });

TEST_P(KernelsTest, Linear) {
  const Tensor x = wave({7, 64}, 2.1), residual = wave({7, 48}, 0.3);
  for (const Tensor& weight : {wave({48, 64}, 0.7) * 0.2, wave({48, 16, 2, 2}, 0.9) * 0.2})
    for (const Tensor& bias : {Tensor(), wave({48}, 1.3)})
      for (const auto kind :
           {Epilogue::kNone, Epilogue::kSilu, Epilogue::kGelu, Epilogue::kTanh, Epilogue::kResidual}) {
        const Epilogue epilogue{kind, kind == Epilogue::kResidual ? residual : Tensor()};
        expect_same(testing::PrintToString(kind), [&](const Kernels& kernels) {
          return (*kernels.linear({weight, bias}))(x, epilogue);
        });
      }
}

TEST_P(KernelsTest, GatedLinear) {
  const Tensor x = wave({7, 64}, 2.1);
  for (const bool with_bias : {false, true})
    for (const auto kind : {Epilogue::kSilu, Epilogue::kGelu, Epilogue::kTanh}) {
      const Matrix gate{wave({48, 64}, 0.7) * 0.2, with_bias ? wave({48}, 1.3) : Tensor()},
          up{wave({48, 64}, 0.4) * 0.3, with_bias ? wave({48}, 0.9) : Tensor()};
      expect_same(testing::PrintToString(kind),
                  [&](const Kernels& kernels) { return (*kernels.gated_linear(gate, up, kind))(x); });
    }
}

TEST_P(KernelsTest, Conv2d) {
  for (const int64_t kernel : {1, 3})
    for (const int64_t stride : {1, 2})
      for (const int64_t side : {8, 24}) {  // the larger images are convolved by Winograd's method
        const Tensor weight = wave({24, 16, kernel, kernel}, 0.7) * 0.2, bias = wave({24}, 1.3),
                     x = wave({2, 16, side, side}, 2.1);
        for (const Tensor& residual : {Tensor(), wave({2, 24, side / stride, side / stride}, 0.3)})
          expect_same(testing::PrintToString(std::tuple(kernel, stride, side, residual.defined())),
                      [&](const Kernels& kernels) {
                        return (*kernels.conv2d(weight, bias, stride))(x.contiguous(kernels.image_format()), residual);
                      });
      }
}

TEST_P(KernelsTest, Embedding) {
  const Tensor table = wave({30, 16}, 0.7), ids = at::tensor({4, 0, 29, 4}, at::kLong);
  expect_same("embedding", [&](const Kernels& kernels) { return kernels.embedding(table, ids); });
}

TEST_P(KernelsTest, LayerNorm) {
  const Tensor weight = wave({48}, 0.9) + 1, bias = wave({48}, 0.4), rows = wave({5, 48}, 2.1) + 3,
               heads = wave({5, 2, 3, 48}, 1.7).select(1, 1);  // as normalised queries, a view of a projection
  for (const Tensor& x : {rows, heads})
    expect_same("layer_norm", [&](const Kernels& kernels) { return kernels.layer_norm(x, weight, bias, 1e-6); });
}

TEST_P(KernelsTest, GroupNorm) {
  const Tensor x = wave({2, 64, 5, 7}, 2.1) + wave({1, 64, 1, 1}, 1.7), weight = wave({64}, 0.9) + 1,
               bias = wave({64}, 0.4);
  for (const Tensor& shift : {Tensor(), wave({1, 64}, 0.8), wave({2, 64}, 0.6)})
    for (const bool then_silu : {false, true})
      expect_same(then_silu ? "silu of group_norm" : "group_norm", [&](const Kernels& kernels) {
        return kernels.group_norm(x.contiguous(kernels.image_format()), shift, 32, weight, bias, 1e-5, then_silu);
      });
}

TEST_P(KernelsTest, Attention) {
  AttentionLayout causal = AttentionLayout::within({4, 9}), prefix = AttentionLayout::across({4, 3}, {5, 6});
  causal.visible = {1, 2, 3, 4, 3, 3, 3, 4, 5, 6, 7, 8, 9};
  prefix.visible = {2, 2, 2, 2, 0, 6, 1};
  const AttentionLayout layouts[] = {AttentionLayout::within({5, 1, 9}),             // samples
                                     AttentionLayout::within({4, 4, 4}),             // of equal lengths
                                     AttentionLayout::across({3, 1, 4}, {6, 2, 0}),  // an empty context
                                     AttentionLayout::across({1, 1}, {7, 12}),       // decoding
                                     causal,
                                     prefix};
  for (const AttentionLayout& layout : layouts) {
    const Tensor q = wave({layout.segments.back().q_end, 3, 2, 16}, 1.3).select(1, 0),  // of a projection to q, k and v
        kv = wave({layout.segments.back().k_end, 2, 2, 16}, 0.7);
    expect_same(concat(q.size(0), " queries, ", kv.size(0), " keys"),
                [&](const Kernels& kernels) { return kernels.attention(q, kv.select(1, 0), kv.select(1, 1), layout); });
  }
}

// Keys and values of one layer are written into a cache, and attended to there.
TEST_P(KernelsTest, KeyValueCache) {
  const Tensor qkv = wave({4, 3, 2, 16}, 0.7), rows = at::tensor({5, 0, 7, 2}, at::kLong);
  const auto written = [&](const Kernels& kernels) {
    Tensor cache = kernels.key_value_cache(/*layers=*/3, /*n=*/9, /*heads=*/2, /*head_width=*/16);
    EXPECT_EQ(cache.sizes(), at::IntArrayRef({3, 2, 9, 2, 16}));
    cache.zero_();
    for (const int64_t kv : {0, 1}) kernels.write_rows(qkv.select(1, 1 + kv), rows, cache[1][kv]);
    return cache;
  };
  expect_same("write_rows", written);
  EXPECT_TRUE(at::equal(written(*kernels_)[1][1].index_select(0, rows), qkv.select(1, 2)));
  const auto layout = AttentionLayout::across({2, 2}, {3, 6});
  expect_same("attention", [&](const Kernels& kernels) {
    const Tensor cache = written(kernels)[1];
    return kernels.attention(qkv.select(1, 0), cache[0], cache[1], layout);
  });
}

TEST(Kernels, AMatrixForInferenceIsConvertedOrPacked) {
  const Tensor stored = wave({4, 6}, 0.7).to(at::kHalf), norm = wave({6}, 0.7);
  const auto reference = make_kernels(Compute::for_reference()), packing = make_kernels(Compute::for_inference());
  EXPECT_EQ(reference->place(stored).scalar_type(), at::kFloat);
  EXPECT_TRUE(packing->place(stored).is_same(stored)) << "it is packed from its file when it is first used";
  for (const auto& kernels : {reference, packing}) {
    EXPECT_TRUE(kernels->place(norm).is_same(norm));
    EXPECT_EQ(kernels->device(), at::Device(at::kCPU));
  }
}

TEST(Epilogue, ActivationsAreTheExactForms) {
  const Tensor x = at::tensor({-1.0, 0.0, 2.0}, at::kDouble);
  const auto at_x = [&](Epilogue::Kind kind, int i) { return apply({kind, {}}, x)[i].item<double>(); };
  for (int i = 0; i < 3; ++i) {
    const double v = x[i].item<double>();
    EXPECT_NEAR(at_x(Epilogue::kGelu, i), v * 0.5 * (1 + std::erf(v / std::sqrt(2.0))), 1e-12);
    EXPECT_NEAR(at_x(Epilogue::kSilu, i), v / (1 + std::exp(-v)), 1e-12);
    EXPECT_NEAR(at_x(Epilogue::kTanh, i), std::tanh(v), 1e-12);
    EXPECT_EQ(at_x(Epilogue::kNone, i), v);
  }
}

}  // namespace
}  // namespace fourm
