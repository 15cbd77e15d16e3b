#include "fourm/kernels/cpu/packed_conv2d.h"

#include "fourm/kernels/cpu/onednn.h"
#include "fourm/kernels/cpu/winograd.h"

namespace fourm {
namespace {

Tensor pack(const Tensor& weight, int64_t padding, int64_t stride, at::IntArrayRef input) {
  return at::mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), {padding, padding}, {stride, stride}, {1, 1}, 1, input);
}

Tensor convolve(const Tensor& x, const Tensor& packed, const Tensor& bias, int64_t padding, int64_t stride) {
  static const auto op = operator_named<Tensor(
      const Tensor&, const Tensor&, const std::optional<Tensor>&, at::IntArrayRef, at::IntArrayRef, at::IntArrayRef,
      int64_t, std::string_view, ScalarList, std::optional<std::string_view>)>("mkldnn::_convolution_pointwise");
  return op.call(x, packed, bias, {padding, padding}, {stride, stride}, {1, 1}, 1, "none", ScalarList(), "");
}

Tensor convolve_plus(const Tensor& x, const Tensor& packed, const Tensor& bias, int64_t padding, int64_t stride,
                     const Tensor& residual) {
  static const auto op =
      operator_named<Tensor(const Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&, at::IntArrayRef,
                            at::IntArrayRef, at::IntArrayRef, int64_t, std::string_view, std::optional<at::Scalar>,
                            std::optional<std::string_view>, ScalarList, std::optional<std::string_view>)>(
          "mkldnn::_convolution_pointwise", "binary");
  return op.call(x, residual, packed, bias, {padding, padding}, {stride, stride}, {1, 1}, 1, "add", at::Scalar(1.0),
                 std::nullopt, ScalarList(), std::nullopt);
}

// One small convolution by each operator, held against the plain one.
bool conv2d_works(at::ScalarType type) {
  try {
    const Tensor w = at::linspace(-1, 1, 32 * 16 * 9).view({32, 16, 3, 3}), bias = at::linspace(-1, 1, 32);
    const Tensor x = channels_last(at::linspace(1, -2, 16 * 16).view({1, 16, 4, 4}));
    const Tensor expected = at::conv2d(x, w, bias, 1, 1), packed = pack(w.to(type), 1, 1, x.sizes());
    const Tensor plain = convolve(x.to(type), packed, bias.to(type), 1, 1).to(at::kFloat);
    const Tensor twice =
        convolve_plus(x.to(type), packed, bias.to(type), 1, 1, channels_last(expected).to(type)).to(at::kFloat);
    const double limit = (type == at::kFloat ? 1e-5 : 3e-2) * expected.abs().max().item<double>();
    return (plain - expected).abs().max().item<double>() < limit &&
           (twice - 2 * expected).abs().max().item<double>() < 2 * limit;
  } catch (const std::exception&) {
    return false;
  }
}

bool available(at::ScalarType type) {
  static const bool wide = conv2d_works(at::kFloat), narrow = conv2d_works(at::kBFloat16);
  return type == at::kFloat ? wide : narrow;
}

// Pixels of an image. With fewer, Winograd gains little, and its weights are 16 / 9 as large.
constexpr int64_t kPixelsForWinograd = 512;

}  // namespace

struct PackedConv2d::Winograd {
  WinogradConv2d convolution;
  Tensor bias;
};

// By LibTorch: packed, or plain where the operators are missing.
struct PackedConv2d::Direct {
  at::ScalarType type;
  Tensor weight, bias;
  bool packed;
};

PackedConv2d::PackedConv2d(Tensor weight, Tensor bias, int64_t stride, Packing packing)
    : weight_(std::move(weight)), bias_(std::move(bias)), stride_(stride), packing_(std::move(packing)) {}

PackedConv2d::~PackedConv2d() = default;

const PackedConv2d::Winograd& PackedConv2d::winograd() const {
  return winograd_.get([&] {
    const NoGradGuard no_grad;
    Winograd made{WinogradConv2d(weight_), bias_.to(at::kFloat)};
    if (packing_.release_pages) packing_.release_pages(weight_);
    return made;
  });
}

const PackedConv2d::Direct& PackedConv2d::direct(at::IntArrayRef input) const {
  return direct_.get([&] {
    const NoGradGuard no_grad;
    const auto type = packing_.precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
    Direct made{type, weight_.to(type), bias_.to(type), available(type)};
    if (made.packed) made.weight = pack(made.weight, weight_.size(2) / 2, stride_, input);
    if (packing_.release_pages && !made.weight.is_same(weight_)) packing_.release_pages(weight_);
    return made;
  });
}

Tensor PackedConv2d::operator()(const Tensor& x, const Tensor& residual) const {
  // Only the image's size decides, so that results do not depend on other images.
  if (packing_.precision != Precision::kBf16 && weight_.size(2) == 3 && stride_ == 1 &&
      x.size(2) * x.size(3) >= kPixelsForWinograd) {
    const Winograd& w = winograd();
    return w.convolution(x, w.bias, residual);
  }
  const Direct& d = direct(x.sizes());
  const Tensor in = channels_last(x.to(d.type));
  const int64_t padding = weight_.size(2) / 2;
  if (d.packed && residual.defined() && d.type == at::kFloat)
    return convolve_plus(in, d.weight, d.bias, padding, stride_, channels_last(residual));
  const Tensor y =
      (d.packed ? convolve(in, d.weight, d.bias, padding, stride_) : at::conv2d(in, d.weight, d.bias, stride_, padding))
          .to(at::kFloat);
  return residual.defined() ? y + residual : y;
}

}  // namespace fourm
