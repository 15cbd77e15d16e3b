// Each operation of the kernels on the device beside that of the CPU's kernels, values and gradients.
#include "fourm/kernels/kernels.h"

#include "fourm/core/rng.h"
#include "fourm/kernels/precision_scope.h"
#include "fourm/kernels/upload.h"
#include "tests/support/compare.h"
#include "tests/support/fake_device.h"

namespace fourm {
namespace {

using test::fake_device;
using test::take_counts;
using test::wave;

using Operation = std::function<Tensor(const Kernels& kernels, const std::vector<Tensor>& inputs)>;

// The result of an operation, and the gradients of its inputs.
std::vector<Tensor> run(const Kernels& kernels, const Operation& operation, const std::vector<Tensor>& inputs,
                        Precision precision = Precision::kF32) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(input.clone().to(kernels.device()).requires_grad_());
  Tensor out;
  {
    const PrecisionScope scope(precision, kernels.device());
    out = operation(kernels, leaves);
  }
  (out * wave(out.sizes(), 0.9).to(out.device())).sum().backward();
  std::vector<Tensor> all{out.detach().cpu()};
  for (const Tensor& leaf : leaves) all.push_back(leaf.grad().cpu());
  return all;
}

// The largest number, at least 1: what differences are compared with.
double scale_of(const Tensor& x) { return x.numel() == 0 ? 1 : std::max(1.0, x.abs().max().item<double>()); }

void expect_same(const std::string& name, const std::vector<Tensor>& found, const std::vector<Tensor>& expected,
                 double tolerance) {
  for (size_t i = 0; i < expected.size(); ++i) {
    test::expect_close(name + (i == 0 ? "" : ", gradient " + std::to_string(i - 1)), found[i].to(at::kFloat),
                       expected[i], tolerance * scale_of(expected[i]));
  }
}

// In training float32 and, with rounded inputs, bfloat16; in inference float32 and the narrow types.
void expect_as_on_cpu(const std::string& name, const Operation& operation, const std::vector<Tensor>& inputs,
                      bool narrow = true) {
  std::vector<Tensor> rounded;
  for (const Tensor& input : inputs) rounded.push_back(input.to(at::kBFloat16).to(at::kFloat));
  const auto cpu = make_kernels(Compute::for_training());
  const auto device = make_kernels(Compute::for_training(fake_device()));
  const auto expected = run(*cpu, operation, rounded);
  expect_same(name, run(*device, operation, rounded), expected, 1e-5);
  if (narrow) expect_same(name + " in bfloat16", run(*device, operation, rounded, Precision::kBf16), expected, 2e-2);
  const InferenceGuard inference;
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kF16}) {
    const auto kernels = make_kernels(Compute::for_inference(precision, fake_device()));
    std::vector<Tensor> placed;
    for (const Tensor& input : rounded) placed.push_back(input.to(fake_device()));
    test::expect_close(name + " in inference, " + precision_name(precision),
                       operation(*kernels, placed).cpu().to(at::kFloat), expected[0],
                       precision == Precision::kF32 ? 1e-5 : 3e-2 * scale_of(expected[0]));
  }
}

TEST(DeviceKernels, Linear) {
  for (const auto kind : {Epilogue::kNone, Epilogue::kSilu, Epilogue::kGelu, Epilogue::kTanh, Epilogue::kResidual})
    for (const bool bias : {true, false})
      expect_as_on_cpu("linear",
                       [&](const Kernels& kernels, const std::vector<Tensor>& in) {
                         const auto linear = kernels.linear({in[1], bias ? in[2] : Tensor()});
                         Tensor y = (*linear)(in[0], {kind, kind == Epilogue::kResidual ? in[3] : Tensor()});
                         if (!bias) y = y + 0 * in[2].sum();
                         return kind == Epilogue::kResidual ? y : y + 0 * in[3].sum();
                       },
                       {wave({7, 16}, 0.7), wave({24, 16}, 1.3) / 4, wave({24}, 0.5), wave({7, 24}, 0.3)});
}

TEST(DeviceKernels, GatedLinear) {
  for (const auto kind : {Epilogue::kSilu, Epilogue::kGelu, Epilogue::kTanh})
    expect_as_on_cpu(
        "gated linear",
        [&](const Kernels& kernels, const std::vector<Tensor>& in) {
          return (*kernels.gated_linear({in[1], in[3]}, {in[2], in[4]}, kind))(in[0]);
        },
        {wave({7, 16}, 0.7), wave({24, 16}, 1.3) / 4, wave({24, 16}, 1.7) / 4, wave({24}, 0.5), wave({24}, 0.6)});
}

TEST(DeviceKernels, Convolution) {
  for (const int64_t stride : {1, 2})
    for (const int64_t k : {1, 3})
      expect_as_on_cpu("convolution",
                       [&](const Kernels& kernels, const std::vector<Tensor>& in) {
                         const Tensor residual = stride == 1 ? in[3] : in[3].slice(2, 0, 4).slice(3, 0, 3);
                         return (*kernels.conv2d(in[1], in[2], stride))(in[0], residual);
                       },
                       {wave({2, 5, 8, 6}, 0.7), wave({6, 5, k, k}, 1.3) / 8, wave({6}, 0.5), wave({2, 6, 8, 6}, 0.3)});
}

TEST(DeviceKernels, Embedding) {
  expect_as_on_cpu("embedding",
                   [](const Kernels& kernels, const std::vector<Tensor>& in) {
                     return kernels.embedding(in[0], at::tensor({3, 0, 3, 8}, at::kLong).to(kernels.device()));
                   },
                   {wave({9, 16}, 0.7)});
}

TEST(DeviceKernels, LayerNorm) {
  expect_as_on_cpu("layer norm",
                   [](const Kernels& kernels, const std::vector<Tensor>& in) {
                     return kernels.layer_norm(in[0], in[1], in[2], 1e-6);
                   },
                   {wave({7, 3, 16}, 0.7), wave({16}, 0.3) + 1, wave({16}, 0.5)});
}

TEST(DeviceKernels, GroupNorm) {
  for (const bool silu : {false, true})
    for (const int64_t shifts : {1, 2})
      expect_as_on_cpu("group norm",
                       [&](const Kernels& kernels, const std::vector<Tensor>& in) {
                         return kernels.group_norm(in[0], in[3], 4, in[1], in[2], 1e-5, silu);
                       },
                       {wave({2, 16, 6, 4}, 0.7), wave({16}, 0.3) + 1, wave({16}, 0.5), wave({shifts, 16}, 1.1)});
}

TEST(DeviceKernels, KeyValueCache) {
  const auto kernels = make_kernels(Compute::for_inference(Precision::kBf16, fake_device()));
  const Tensor cache = kernels->key_value_cache(2, 9, 2, 8);
  EXPECT_EQ(cache.sizes(), at::IntArrayRef({2, 2, 9, 2, 8}));
  EXPECT_EQ(cache.scalar_type(), at::kBFloat16);
  const Tensor rows = wave({3, 2, 8}, 0.7).to(at::kBFloat16);
  kernels->write_rows(rows.to(fake_device()), at::tensor({4, 0, 7}, at::kLong).to(fake_device()), cache[1][0]);
  const Tensor written = cache.cpu();
  test::expect_close("written rows", written[1][0].index_select(0, at::tensor({4, 0, 7}, at::kLong)), rows, 0);
  EXPECT_EQ(written.count_nonzero().item<int64_t>(), rows.count_nonzero().item<int64_t>());
}

TEST(DeviceKernels, MatricesForInferenceAreStoredInItsPrecision) {
  const auto narrow = make_kernels(Compute::for_inference(Precision::kBf16, fake_device()));
  EXPECT_EQ(narrow->place(at::ones({4, 4})).scalar_type(), at::kBFloat16);
  EXPECT_EQ(narrow->place(at::ones({4})).scalar_type(), at::kFloat);
  const auto training = make_kernels(Compute::for_training(fake_device()));
  EXPECT_EQ(training->place(at::ones({4, 4})).scalar_type(), at::kFloat);
  EXPECT_EQ(training->place(at::ones({4, 4})).device(), fake_device());
}

struct LayoutCase {
  std::string name;
  AttentionLayout layout;
  int64_t queries, keys;
};

// A decoder's self-attention: runs that see all of themselves and what is before them in the sample, and causal ones.
LayoutCase mixed(uint64_t seed) {
  Random random(seed);
  LayoutCase c{"mixed " + std::to_string(seed), {}, 0, 0};
  const bool separate = random.chance(0.5);
  for (int64_t sample = 0; sample < random.between(1, 5); ++sample) {
    int64_t begin = c.queries;
    for (int64_t part = 0; part < random.between(0, 4); ++part) {
      if (separate) begin = c.queries;
      const int64_t n = random.between(1, 6), before = c.queries - begin;
      const bool causal = random.chance(0.5);
      for (int64_t i = 0; i < n; ++i) c.layout.visible.push_back(static_cast<int32_t>(before + (causal ? i + 1 : n)));
      c.queries += n;
      if (separate) c.layout.segments.push_back({begin, c.queries, begin, c.queries});
    }
    if (!separate) c.layout.segments.push_back({begin, c.queries, begin, c.queries});
  }
  c.keys = c.queries;
  return c;
}

std::vector<LayoutCase> layout_cases() {
  std::vector<LayoutCase> all;
  all.push_back({"encoder", AttentionLayout::within({5, 1, 9}), 15, 15});
  all.push_back({"equal lengths", AttentionLayout::within({6, 6, 6}), 18, 18});
  all.push_back({"cross", AttentionLayout::across({3, 1, 6}, {7, 4, 2}), 10, 13});
  all.push_back({"an empty context", AttentionLayout::across({3, 2, 6}, {7, 0, 2}), 11, 9});
  all.push_back({"no context at all", AttentionLayout::across({3, 2}, {0, 0}), 5, 0});
  LayoutCase causal{"causal", AttentionLayout::within({7, 5}), 12, 12};
  for (const int n : {7, 5})
    for (int i = 0; i < n; ++i) causal.layout.visible.push_back(i + 1);
  all.push_back(causal);
  LayoutCase prefix{"prefix", AttentionLayout::within({8}), 8, 8};
  for (int i = 0; i < 8; ++i) prefix.layout.visible.push_back(std::max(4, i + 1));
  all.push_back(prefix);
  for (uint64_t seed = 0; seed < 40; ++seed) all.push_back(mixed(seed));
  std::erase_if(all, [](const LayoutCase& c) { return c.queries == 0; });
  return all;
}

TEST(DeviceKernels, AttentionOfAllLayouts) {
  int64_t flash = 0, efficient = 0;  // layouts that they compute; the others have equal lengths
  for (const LayoutCase& c : layout_cases()) {
    SCOPED_TRACE(c.name);
    take_counts();
    expect_as_on_cpu("attention",
                     [&](const Kernels& kernels, const std::vector<Tensor>& in) {
                       AttentionLayout layout = c.layout;
                       layout.plan.reset();
                       return kernels.attention(in[0], in[1], in[2], layout);
                     },
                     {wave({c.queries, 2, 16}, 1.1), wave({c.keys, 2, 16}, 1.3), wave({c.keys, 2, 16}, 1.7)});
    const auto counts = take_counts();
    flash += counts.calls("aten::_flash_attention_backward") > 0;
    efficient += counts.calls("aten::_efficient_attention_backward") > 0;
  }
  EXPECT_GT(flash, 30);
  EXPECT_EQ(efficient, flash);
}

// Heads of other widths have no kernels.
TEST(DeviceKernels, AttentionOfOtherWidths) {
  expect_as_on_cpu("attention",
                   [](const Kernels& kernels, const std::vector<Tensor>& in) {
                     AttentionLayout layout = AttentionLayout::within({5, 4});
                     for (const int n : {5, 4})
                       for (int i = 0; i < n; ++i) layout.visible.push_back(i + 1);
                     return kernels.attention(in[0], in[1], in[2], layout);
                   },
                   {wave({9, 2, 6}, 1.1), wave({9, 2, 6}, 1.3), wave({9, 2, 6}, 1.7)});
}

// Rows of one projection, as layers have them.
TEST(DeviceKernels, AttentionOfStridedRows) {
  expect_as_on_cpu("attention",
                   [](const Kernels& kernels, const std::vector<Tensor>& in) {
                     const auto parts = in[0].unbind(1);
                     return kernels.attention(parts[0], parts[1], parts[2], AttentionLayout::within({5, 4}));
                   },
                   {wave({9, 3, 2, 16}, 1.1)});
}

TEST(Upload, CopiesEachTypeOnce) {
  Tensor a = at::arange(5, at::kLong), b = at::arange(6, at::kLong).view({2, 3}), c = wave({4}, 1), none;
  Tensor there = at::ones({2}).to(fake_device());
  take_counts();
  upload({&a, &b, &c, &none, &there}, fake_device());
  EXPECT_EQ(take_counts().uploads, 2);
  test::expect_equal("a", a.cpu(), at::arange(5, at::kLong));
  test::expect_equal("b", b.cpu(), at::arange(6, at::kLong).view({2, 3}));
  test::expect_close("c", c.cpu(), wave({4}, 1), 0);
  EXPECT_FALSE(none.defined());
}

}  // namespace
}  // namespace fourm
