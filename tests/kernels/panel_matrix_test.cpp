// Products with a matrix in panels against plain ones, at the edges of tiles, panels, slices and blocks.
#include "fourm/kernels/cpu/panel_matrix.h"

#include <ATen/Parallel.h>

#include "fourm/core/error.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;
using Dtype = PanelMatrix::Dtype;

constexpr struct {
  int64_t rows, in, out;
} kShapes[] = {{1, 1, 1}, {1, 7, 33}, {13, 256, 31}, {15, 257, 64}, {29, 1030, 48}, {200, 768, 96}, {430, 2048, 40}};

TEST(PanelMatrix, EqualsPlainProductsInDoublePrecision) {
  const NoGradGuard no_grad;
  for (const auto& s : kShapes) {
    const Tensor w = wave({s.out, s.in}, 0.7), b = wave({s.out}, 1.3), x = wave({s.rows, s.in}, 2.1);
    const Tensor wanted = at::linear(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble));
    const Tensor y = PanelMatrix(w.t()).multiply(x, b, {});
    const double scale = at::linear(x.abs().to(at::kDouble), w.abs().to(at::kDouble)).max().item<double>();
    EXPECT_LE(test::largest_difference(y, wanted), 1e-6 * scale) << s.rows << " x " << s.in << " x " << s.out;
  }
}

// Rows of whole steps and columns of largest ones lose nothing, and sums of two products at a time are as large as can be.
TEST(PanelMatrix, Int8IsExactWhereNothingIsRounded) {
  const NoGradGuard no_grad;
  for (const auto& s : kShapes) {
    Tensor w = (wave({s.out, s.in}, 0.7) * 1.5).round_(), x = (wave({s.rows, s.in}, 2.1) * 127).round_();
    EXPECT_LE(w.abs().max().item<double>(), 2);
    w.clamp_(-1, 1);
    x.select(1, 0).fill_(127);
    const Tensor b = wave({s.out}, 1.3), wanted = at::linear(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble));
    const Tensor y = PanelMatrix(w.t(), Dtype::kInt8).multiply(x, b, {});
    EXPECT_LE(test::largest_difference(y, wanted), 1e-6 * wanted.abs().max().item<double>())
        << s.rows << " x " << s.in << " x " << s.out;
  }
}

TEST(PanelMatrix, Int8RoundsByAStepOfEachRowAndColumn) {
  const NoGradGuard no_grad;
  Tensor w = wave({96, 300}, 0.7), x = wave({30, 300}, 2.1);
  w[3] *= 1e6, x[7] *= 1e-6;  // neighbours of other sizes
  w[4].zero_(), x[8].zero_();
  const Tensor error = (PanelMatrix(w.t(), Dtype::kInt8).multiply(x, {}, {}) - at::linear(x, w)).abs();
  const Tensor size =
      at::linear(x.abs(), w.abs().amax(1, true).expand_as(w)) + at::linear(x.abs().amax(1, true).expand_as(x), w.abs());
  EXPECT_TRUE((error <= size * (0.5 / 64)).all().item<bool>());
}

TEST(PanelMatrix, NoRowsGiveNone) {
  const Tensor y = PanelMatrix(wave({3, 5}, 0.7)).multiply(at::empty({0, 3}), {}, {});
  EXPECT_EQ(y.sizes(), at::IntArrayRef({0, 5}));
}

TEST(PanelMatrix, RowsDependNeitherOnTheirBatchNorOnThreads) {
  const NoGradGuard no_grad;
  const int threads = at::get_num_threads();
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kInt8}) {
    const PanelMatrix matrix(wave({320, 700}, 0.7).t(), dtype);
    const Tensor x = wave({301, 700}, 2.1), y = matrix.multiply(x, {}, {});
    for (const int64_t row : {0, 14, 150, 300})
      EXPECT_TRUE(at::equal(matrix.multiply(x.slice(0, row, row + 1), {}, {}), y.slice(0, row, row + 1))) << row;
    for (const int count : {1, 2, 5, 32}) {
      at::set_num_threads(count);
      for (const int64_t rows : {6, 40, 301})  // fewer, and more blocks than threads
        EXPECT_TRUE(at::equal(matrix.multiply(x.slice(0, 0, rows), {}, {}), y.slice(0, 0, rows)))
            << count << " threads, " << rows << " rows";
    }
    at::set_num_threads(threads);
  }
}

TEST(PanelMatrix, StridedRowsAndNeighboursStayAsTheyAre) {
  const NoGradGuard no_grad;
  const Tensor w = wave({48, 64}, 0.7), wide = wave({9, 128}, 2.1), x = wide.slice(1, 0, 64), before = wide.clone();
  EXPECT_LE(test::largest_difference(PanelMatrix(w.t()).multiply(x, {}, {}), at::linear(x, w)), 2e-5);
  const PanelMatrix int8(w.t(), Dtype::kInt8);
  EXPECT_TRUE(at::equal(int8.multiply(x, {}, {}), int8.multiply(x.contiguous(), {}, {})));
  EXPECT_TRUE(at::equal(int8.multiply(x.t().contiguous().t(), {}, {}), int8.multiply(x, {}, {})));
  EXPECT_TRUE(at::equal(wide, before));
}

TEST(PanelMatrix, WritesRowsThatLieApart) {
  const NoGradGuard no_grad;
  const Tensor x = wave({9, 40}, 2.1), bias = wave({50}, 1.3), other = wave({9, 50}, 0.9);
  const Epilogue plus{Epilogue::kResidual, other};
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kInt8}) {
    const PanelMatrix matrix(wave({50, 40}, 0.7).t(), dtype);
    const Tensor all = at::full({9, 3, 50}, 7.0), y = all.select(1, 1);
    matrix.multiply(x, bias, plus, y);
    EXPECT_TRUE(at::equal(y, matrix.multiply(x, bias, plus)));
    EXPECT_TRUE((all.select(1, 0) == 7).all().item<bool>() && (all.select(1, 2) == 7).all().item<bool>());
  }
}

TEST(PanelMatrix, HeadsAreProductsOfTheirOwn) {
  const NoGradGuard no_grad;
  const int threads = at::get_num_threads();
  constexpr int64_t kHeads = 3;
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kInt8})
    for (const auto& s : kShapes) {
      const Tensor w = wave({kHeads, s.out, s.in}, 0.7), bias = wave({kHeads, s.out}, 1.3),
                   other = wave({s.rows, kHeads, s.out}, 0.9),
                   x = wave({s.rows, kHeads, s.in + 5}, 2.1).slice(2, 2, s.in + 2);
      PanelMatrix heads({.in = s.in, .out = s.out, .heads = kHeads}, dtype);
      std::vector<Tensor> each;
      for (int64_t h = 0; h < kHeads; ++h) {
        heads.pack(w[h].t(), 0, h);
        const Epilogue plus{Epilogue::kResidual, other.select(1, h)};
        each.push_back(PanelMatrix(w[h].t(), dtype).multiply(x.select(1, h), bias[h], plus));
      }
      const Tensor wanted = at::stack(each, 1);
      for (const int count : {1, 2, 7}) {
        at::set_num_threads(count);
        EXPECT_TRUE(at::equal(heads.multiply(x, bias, {Epilogue::kResidual, other}), wanted))
            << s.rows << " x " << s.in << " x " << s.out << ", " << count << " threads";
      }
      at::set_num_threads(threads);
      const Tensor apart = at::empty({s.rows, kHeads, s.out + 3}).slice(2, 0, s.out);
      heads.multiply(x, bias, {Epilogue::kResidual, other}, apart);
      EXPECT_TRUE(at::equal(apart, wanted));
    }
}

TEST(PanelMatrix, WrongWidthsAreNamed) {
  const PanelMatrix matrix(wave({3, 5}, 0.7));
  EXPECT_THROW(matrix.multiply(wave({2, 4}, 1.0), {}, {}), Error);
  EXPECT_THROW(matrix.multiply(wave({2, 3}, 1.0), {}, {}, at::empty({2, 4})), Error);
  EXPECT_THROW(matrix.multiply(wave({2, 3}, 1.0), {}, {}, at::empty({5, 2}).t()), Error);
  const PanelMatrix heads({.in = 3, .out = 5, .heads = 2});
  EXPECT_THROW(heads.multiply(wave({2, 3}, 1.0), {}, {}), Error);
  EXPECT_THROW(heads.multiply(wave({2, 3, 3}, 1.0), {}, {}), Error);
  EXPECT_THROW(heads.multiply(wave({2, 2, 3}, 1.0), {}, {}, at::empty({2, 1, 5})), Error);
}

// Activations over the range where they are not yet 0 or x, against double precision.
TEST(PanelMatrix, ActivationsFollowDoublePrecision) {
  const NoGradGuard no_grad;
  const Tensor x = at::linspace(-30, 30, 60001).unsqueeze(1), wide = x.to(at::kDouble);
  const PanelMatrix one(at::ones({1, 1}));
  const auto worst = [&](Epilogue::Kind kind, const Tensor& wanted) {
    const Tensor error = (one.multiply(x, {}, {kind, {}}).to(at::kDouble) - wanted).abs();
    return (error / (wanted.abs() + 0.1)).max().item<double>();
  };
  EXPECT_LT(worst(Epilogue::kSilu, at::silu(wide)), 1e-6);
  EXPECT_LT(worst(Epilogue::kGelu, at::gelu(wide)), 1e-6);
}

}  // namespace
}  // namespace fourm
