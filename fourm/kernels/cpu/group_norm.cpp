#include "fourm/kernels/cpu/group_norm.h"

#include <ATen/Parallel.h>

#include "fourm/kernels/cpu/vector.h"

namespace fourm {
namespace {

constexpr int64_t kPixels = 64;  // that a thread takes at a time

// Some pixels of an image.
struct Pixels {
  const float* x;  // [count, channels]
  int64_t count, channels;
};

// sums, squares [channels] <- of x - pivot: of numbers near 0 if pivot is one of them, so that little is lost
struct AddUp {
  template <class S>
  FOURM_INLINE static void run(const Pixels& some, const float* pivot, float* sums, float* squares) {
    using V = typename S::Vector;
    for (int64_t c = 0; c < some.channels; c += S::kLanes) {
      const int64_t n = std::min(S::kLanes, some.channels - c);
      V sum{}, square{}, from, x;
      load<S>(from, pivot + c, n);
      for (int64_t p = 0; p < some.count; ++p) {
        load<S>(x, some.x + p * some.channels + c, n);
        x -= from;
        sum += x;
        square += x * x;
      }
      store<S>(sum, sums + c, n);
      store<S>(square, squares + c, n);
    }
  }
};

// y <- scale x + offset, or silu of it
struct Apply {
  template <class S>
  FOURM_INLINE static void run(const Pixels& some, const float* scale, const float* offset, bool then_silu, float* y) {
    typename S::Vector x, a, b;
    for (int64_t p = 0; p < some.count; ++p)
      for (int64_t c = 0; c < some.channels; c += S::kLanes) {
        const int64_t n = std::min(S::kLanes, some.channels - c), place = p * some.channels + c;
        load<S>(x, some.x + place, n);
        load<S>(a, scale + c, n);
        load<S>(b, offset + c, n);
        x = x * a + b;
        if (then_silu) silu<S>(x);
        store<S>(x, y + place, n);
      }
  }
};

}  // namespace

Tensor cpu_group_norm(const Tensor& x, const Tensor& shift, int64_t groups, const Tensor& weight, const Tensor& bias,
                      double epsilon, bool then_silu) {
  constexpr auto kLast = at::MemoryFormat::ChannelsLast;
  const Tensor in = x.contiguous(kLast);
  const int64_t batch = in.size(0), channels = in.size(1), pixels = in.size(2) * in.size(3),
                parts = (pixels + kPixels - 1) / kPixels;
  Tensor y = at::empty(in.sizes(), in.options().memory_format(kLast));
  const auto for_parts = [&](const auto& body) {
    at::parallel_for(0, batch * parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % parts * kPixels, place = (i / parts * pixels + first) * channels;
        body(i, place, Pixels{in.const_data_ptr<float>() + place, std::min(kPixels, pixels - first), channels});
      }
    });
  };

  Tensor moments = at::empty({batch, parts, 2, channels});
  for_parts([&](int64_t i, int64_t, const Pixels& some) {
    float* to = moments.data_ptr<float>() + i * 2 * channels;
    run_widest<AddUp>(some, in.const_data_ptr<float>() + i / parts * pixels * channels, to, to + channels);
  });
  // Of channels, and of the groups they make.
  const auto moment = moments.to(at::kDouble).sum(1).unbind(1);
  const Tensor pivot = in.select(3, 0).select(2, 0).to(at::kDouble),
               add = shift.defined() ? shift.to(at::kDouble) : at::zeros({1}, at::kDouble),
               mean = (pivot + add + moment[0] / pixels).view({batch, groups, -1}),
               deviation = (moment[1] - moment[0].square() / pixels).view({batch, groups, -1}),
               group_mean = mean.mean(2, true),
               variance = (deviation / pixels + (mean - group_mean).square()).mean(2, true);
  const Tensor scale = (weight.to(at::kDouble).view({groups, -1}) / (variance + epsilon).sqrt()).flatten(1),
               offset = bias + (add - group_mean.expand_as(mean).flatten(1)) * scale;
  const Tensor scales = scale.to(at::kFloat), offsets = offset.to(at::kFloat);

  for_parts([&](int64_t i, int64_t place, const Pixels& some) {
    const int64_t image = i / parts * channels;
    run_widest<Apply>(some, scales.const_data_ptr<float>() + image, offsets.const_data_ptr<float>() + image, then_silu,
                      y.data_ptr<float>() + place);
  });
  return y;
}

}  // namespace fourm
