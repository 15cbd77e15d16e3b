// Winograd's convolutions against LibTorch's direct ones.
#include "fourm/kernels/cpu/winograd.h"

#include <ATen/Parallel.h>

#include "tests/support/compare.h"

namespace fourm {
namespace {

using test::wave;

Tensor images(at::IntArrayRef sizes, double step) {
  return wave(sizes, step).contiguous(at::MemoryFormat::ChannelsLast);
}

TEST(Winograd, EqualsTheDirectConvolution) {
  const NoGradGuard no_grad;
  struct Case {
    int64_t batch, in, out, height, width;
  };
  // Odd sides, less than a tile, channels beside whole vectors, several strips.
  for (const Case& c : {Case{2, 32, 64, 8, 8},
                        {1, 32, 32, 7, 9},
                        {3, 5, 3, 1, 1},
                        {1, 37, 19, 2, 3},
                        {1, 64, 48, 40, 40},
                        {2, 300, 20, 14, 14}}) {
    const Tensor w = wave({c.out, c.in, 3, 3}, 0.7) * 0.2, b = wave({c.out}, 1.3),
                 x = images({c.batch, c.in, c.height, c.width}, 2.1);
    const Tensor y = at::conv2d(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble), 1, 1),
                 other = images(y.sizes(), 0.3);
    const WinogradConv2d conv(w);
    const double limit = 2e-6 * (y.abs().max().item<double>() + 1);
    EXPECT_LE(test::largest_difference(conv(x, b), y), limit) << c.in << " " << c.height;
    EXPECT_LE(test::largest_difference(conv(x, b, other), y + other), limit) << c.in << " " << c.height;
  }
}

TEST(Winograd, ImagesAndThreadsDoNotChangeEachOther) {
  const NoGradGuard no_grad;
  const WinogradConv2d conv(wave({40, 64, 3, 3}, 0.7));
  const Tensor b = wave({40}, 1.3), x = images({4, 64, 15, 22}, 2.1), y = conv(x, b);
  for (int64_t i = 0; i < 4; ++i) EXPECT_TRUE(conv(x.slice(0, i, i + 1), b).equal(y.slice(0, i, i + 1)));
  const int threads = at::get_num_threads();
  for (const int n : {1, 3}) {
    at::set_num_threads(n);
    EXPECT_TRUE(conv(x, b).equal(y)) << n;
  }
  at::set_num_threads(threads);
}

TEST(Winograd, OtherKernelsAndChannelsAreNamed) {
  EXPECT_THROW(WinogradConv2d(at::ones({8, 8, 1, 1})), std::exception);
  EXPECT_THROW(WinogradConv2d(at::ones({8, 8, 3, 3}))(at::ones({1, 4, 6, 6}), at::zeros({8})), std::exception);
}

}  // namespace
}  // namespace fourm
