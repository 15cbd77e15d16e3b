#include "fourm/nn/packed_conv2d.h"

#include "fourm/nn/onednn.h"
#include "fourm/nn/winograd.h"

namespace fourm {
namespace {

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

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
bool works(at::ScalarType type) {
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
  static const bool wide = works(at::kFloat), narrow = works(at::kBFloat16);
  return type == at::kFloat ? wide : narrow;
}

// Of the pictures that a convolution is packed for. Fewer gain little, and its matrices are 16 / 9 as large.
constexpr int64_t kPixelsForWinograd = 512;

}  // namespace

struct PackedConv2d::Form {
  std::optional<WinogradConv2d> winograd;
  Tensor weight;  // of other convolutions: packed; plain where the operators are missing
  Tensor bias;
  at::ScalarType type;
  bool packed;
};

PackedConv2d::PackedConv2d(Tensor weight, Tensor bias, int64_t stride, Packing packing)
    : weight_(std::move(weight)), bias_(std::move(bias)), stride_(stride), packing_(std::move(packing)) {}

PackedConv2d::~PackedConv2d() = default;

const PackedConv2d::Form& PackedConv2d::form(const Tensor& x) const {
  return form_.get([&] {
    const NoGradGuard no_grad;
    Form form;
    form.type = packing_.precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
    form.bias = bias_.to(form.type);
    form.packed = available(form.type);
    const bool by_winograd =
        form.type == at::kFloat && weight_.size(2) == 3 && stride_ == 1 && x.numel() / x.size(1) >= kPixelsForWinograd;
    if (by_winograd)
      form.winograd.emplace(weight_);
    else
      form.weight = weight_.to(form.type);
    if (form.packed && !by_winograd) form.weight = pack(form.weight, weight_.size(2) / 2, stride_, x.sizes());
    if (packing_.give_back && !form.weight.is_same(weight_)) packing_.give_back(weight_);
    return form;
  });
}

Tensor PackedConv2d::operator()(const Tensor& x, const Tensor& residual) const {
  const Form& f = form(x);
  if (f.winograd) return (*f.winograd)(x, f.bias, residual);
  const Tensor in = channels_last(x.to(f.type));
  const int64_t padding = weight_.size(2) / 2;
  if (f.packed && residual.defined() && f.type == at::kFloat)
    return convolve_plus(in, f.weight, f.bias, padding, stride_, channels_last(residual));
  const Tensor y =
      (f.packed ? convolve(in, f.weight, f.bias, padding, stride_) : at::conv2d(in, f.weight, f.bias, stride_, padding))
          .to(at::kFloat);
  return residual.defined() ? y + residual : y;
}

}  // namespace fourm
