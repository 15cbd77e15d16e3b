#include "fourm/kernels/cpu/argmax_linear.h"

#include <ATen/Parallel.h>

namespace fourm {

Tensor cpu_argmax_linear(const Tensor& x, const Matrix& matrix) {
  constexpr int64_t kRows = 64;  // whose products fit the processor cache
  Tensor result = at::empty({x.size(0)}, at::kLong);
  at::parallel_for(0, (x.size(0) + kRows - 1) / kRows, 1, [&](int64_t begin, int64_t end) {
    const NoGradGuard no_grad;  // of this thread
    const auto some = [](const Tensor& all, int64_t i) { return all.slice(0, i * kRows, (i + 1) * kRows); };
    for (int64_t i = begin; i < end; ++i)
      some(result, i).copy_(at::linear(some(x, i), matrix.weight, matrix.bias).argmax(1));
  });
  return result;
}

}  // namespace fourm
