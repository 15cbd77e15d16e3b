#include "fourm/kernels/cpu/onednn.h"

namespace fourm {
namespace {

// The layout is chosen for this many rows; it serves single rows as well.
constexpr int64_t kTypicalRows = 256;

// Compares one small multiplication with at::linear.
bool matmul_works(at::ScalarType type) {
  try {
    const Tensor w = at::linspace(-1, 1, 32 * 16).view({32, 16}), x = at::linspace(1, -2, 3 * 16).view({3, 16});
    const Tensor expected = at::linear(x, w);
    const Tensor zero = onednn_linear(x.to(type), onednn_pack(w.to(type)), std::nullopt,
                                      {Epilogue::kResidual, expected.to(type).neg()});
    return zero.abs().max().item<double>() < 0.5;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

bool onednn_has_linear(at::ScalarType type) {
  static const bool wide = matmul_works(at::kFloat), narrow = matmul_works(at::kBFloat16);
  return type == at::kFloat ? wide : narrow;
}

Tensor onednn_pack(const Tensor& weight) {
  static const auto op =
      operator_named<Tensor(const Tensor&, std::optional<int64_t>)>("mkldnn::_reorder_linear_weight");
  return op.call(weight, kTypicalRows);
}

Tensor onednn_linear(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, const Epilogue& epilogue,
                     const Tensor& y) {
  static const auto unary =
      operator_named<Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, ScalarList,
                            std::optional<std::string_view>)>("mkldnn::_linear_pointwise");
  static const auto binary =
      operator_named<Tensor(const Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&,
                            std::string_view)>("mkldnn::_linear_pointwise", "binary");
  if (y.defined()) return binary.call(x, y, packed, bias, "mul");
  switch (epilogue.kind) {
    case Epilogue::kResidual: return binary.call(x, epilogue.residual, packed, bias, "add");
    case Epilogue::kSilu: return unary.call(x, packed, bias, "swish", ScalarList(), "");
    case Epilogue::kGelu: return unary.call(x, packed, bias, "gelu", ScalarList(), "none");
    default: return unary.call(x, packed, bias, "none", ScalarList(), "");
  }
}

}  // namespace fourm
