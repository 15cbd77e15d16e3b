// What the fake device promises (tests/support/fake_device.h).
#include "tests/support/fake_device.h"

#include "fourm/kernels/precision_scope.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::fake_device;
using test::take_counts;
using test::wave;

Tensor ends(std::vector<int32_t> values) { return at::tensor(values, at::kInt).to(fake_device()); }

Tensor flash(const Tensor& x, const Tensor& cu_seqlens_q, bool causal = false) {
  return std::get<0>(at::_flash_attention_forward(x, x, x, cu_seqlens_q, cu_seqlens_q, 5, 5, 0.0, causal, false));
}

TEST(FakeDevice, ItsMemoryCannotBeTouchedByPointers) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Tensor x = at::ones({4}).to(fake_device());
  EXPECT_DEATH(std::fprintf(stderr, "%f", static_cast<double>(*x.data_ptr<float>())), "");
  EXPECT_DEATH(x.data_ptr<float>()[3] = 1, "");
}

TEST(FakeDevice, ComputesWhatTheCpuDoes) {
  const auto run = [](at::Device device) {
    Tensor w = wave({8, 16}, 1.3).to(device).requires_grad_();
    const Tensor x = at::layer_norm(wave({5, 16}, 0.7).to(device), {16});
    const Tensor h = at::silu(at::linear(x, w)).view({5, 2, 4}).unbind(1)[0];
    const Tensor loss = at::cross_entropy_loss(h, at::arange(5, at::kLong).remainder(4).to(device));
    loss.backward();
    return std::pair{loss.detach().cpu(), w.grad().cpu()};
  };
  const auto found = run(fake_device()), expected = run(at::kCPU);
  test::expect_close("loss", found.first, expected.first, 1e-6);
  test::expect_close("gradient", found.second, expected.second, 1e-6);
}

TEST(FakeDevice, ViewsShareMemory) {
  const Tensor x = at::zeros({4, 4}, at::TensorOptions(fake_device()));
  x.slice(0, 1, 3).t().fill_(2).add_(1);
  EXPECT_EQ(x.sum().item<double>(), 24);
  const Tensor cut = at::empty({0}, x.options());
  at::add_out(const_cast<Tensor&>(cut), x, x);
  EXPECT_EQ(cut.sum().item<double>(), 48);
}

TEST(FakeDevice, TensorsOfTheCpuAreRefused) {
  const Tensor x = at::ones({4, 3}).to(fake_device());
  EXPECT_THROW(x + at::ones({4, 3}), c10::Error);
  EXPECT_THROW(x.index_select(0, at::tensor({1, 2})), c10::Error);
  EXPECT_THROW(at::linear(x, at::ones({2, 3})), c10::Error);
  EXPECT_THROW(at::cat({x, at::ones({4, 3})}), c10::Error);
  EXPECT_THROW(x.index({at::tensor({1, 2})}), c10::Error);
  EXPECT_THROW(at::conv2d(x.view({1, 1, 4, 3}), at::ones({1, 1, 1, 1})), c10::Error);
  EXPECT_EQ((x * at::scalar_tensor(2.0)).sum().item<double>(), 24);  // as on CUDA
}

TEST(FakeDevice, CountsCopiesReadsAndOperators) {
  take_counts();
  const Tensor x = at::ones({3}).to(fake_device());
  const Tensor y = x * x + 1;
  auto counts = take_counts();
  EXPECT_EQ(counts.uploads, 1);
  EXPECT_EQ(counts.reads(), 0);
  EXPECT_EQ(counts.calls("aten::mul.out"), 1);
  EXPECT_EQ(counts.calls("aten::add.out"), 1);
  y[0].item<float>();
  y.cpu();
  y.nonzero();
  counts = take_counts();
  EXPECT_EQ(counts.uploads, 0);
  EXPECT_EQ(counts.scalar_reads, 1);
  EXPECT_EQ(counts.downloads, 1);
  EXPECT_EQ(counts.waits, 1);
  EXPECT_EQ(counts.reads(), 3);
}

TEST(FakeDevice, AutocastNarrowsAndWidensAsOnCuda) {
  const PrecisionScope scope(Precision::kBf16, fake_device());
  const Tensor w = wave({8, 16}, 1.3).to(fake_device()).requires_grad_();
  const Tensor y = at::linear(wave({5, 16}, 0.7).to(fake_device()), w);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_EQ(at::layer_norm(y, {8}).scalar_type(), at::kFloat);
  EXPECT_EQ(at::softmax(y, 1).scalar_type(), at::kFloat);
  EXPECT_EQ(at::cross_entropy_loss(y, at::arange(5, at::kLong).to(fake_device())).scalar_type(), at::kFloat);
  y.sum().backward();
  EXPECT_EQ(w.grad().scalar_type(), at::kFloat);
}

TEST(FakeDevice, FlashAttentionHasTheChecksOfCuda) {
  const Tensor x = wave({9, 2, 16}, 0.7).to(fake_device(), at::kBFloat16), cu_seqlens_q = ends({0, 4, 9});
  EXPECT_NO_THROW(flash(x, cu_seqlens_q));
  EXPECT_THROW(flash(x, cu_seqlens_q.to(at::kLong)), c10::Error);
  EXPECT_THROW(flash(x, cu_seqlens_q.cpu()), c10::Error);
  EXPECT_THROW(flash(x, ends({0, 0, 4, 4, 9, 9}).slice(0, 0, 6, 2)), c10::Error);  // not contiguous
  EXPECT_THROW(flash(x, ends({0, 3, 9})), c10::Error);                             // longer than max_seqlen
  EXPECT_THROW(flash(x, ends({0, 4})), c10::Error);
  EXPECT_THROW(flash(x.to(at::kFloat), cu_seqlens_q), c10::Error);
  EXPECT_THROW(flash(x.slice(2, 0, 12).contiguous(), cu_seqlens_q), c10::Error);
  EXPECT_THROW(flash(wave({9, 1, 264}, 0.7).to(fake_device(), at::kBFloat16), cu_seqlens_q), c10::Error);
}

TEST(FakeDevice, MemoryEfficientAttentionHasTheChecksOfCuda) {
  const Tensor x = wave({1, 9, 2, 16}, 0.7).to(fake_device()), cu_seqlens_q = ends({0, 4, 9});
  const auto call = [&](const Tensor& q, const Tensor& at_rows) {
    return at::_efficient_attention_forward(q, q, q, {}, at_rows, at_rows, 5, 5, 0.0, 0, true);
  };
  EXPECT_NO_THROW(call(x, cu_seqlens_q));
  EXPECT_NO_THROW(call(x.to(at::kBFloat16), cu_seqlens_q));
  EXPECT_THROW(call(x, cu_seqlens_q.to(at::kLong)), c10::Error);
  EXPECT_THROW(call(x.to(at::kDouble), cu_seqlens_q), c10::Error);
  EXPECT_THROW(call(x.slice(3, 0, 6).contiguous(), cu_seqlens_q), c10::Error);
}

}  // namespace
}  // namespace fourm
