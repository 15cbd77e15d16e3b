#include "fourm/nn/packed_linear.h"

#include "fourm/core/error.h"
#include "fourm/nn/onednn.h"
#include "fourm/nn/operation_count.h"
#include "fourm/nn/panel_matrix.h"

namespace fourm {
namespace {

// The layout is chosen for this many rows; it serves single rows as well.
constexpr int64_t kTypicalRows = 256;

Tensor pack_bf16(const Tensor& weight) {
  static const auto op =
      operator_named<Tensor(const Tensor&, std::optional<int64_t>)>("mkldnn::_reorder_linear_weight");
  return op.call(weight, kTypicalRows);
}

Tensor multiply_bf16(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, const Epilogue& e) {
  static const auto unary =
      operator_named<Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, std::string_view, ScalarList,
                            std::optional<std::string_view>)>("mkldnn::_linear_pointwise");
  static const auto binary =
      operator_named<Tensor(const Tensor&, const Tensor&, const Tensor&, const std::optional<Tensor>&,
                            std::string_view)>("mkldnn::_linear_pointwise", "binary");
  switch (e.kind) {
    case Epilogue::kTimes: return binary.call(x, e.other, packed, bias, "mul");
    case Epilogue::kPlus: return binary.call(x, e.other, packed, bias, "add");
    case Epilogue::kSilu: return unary.call(x, packed, bias, "swish", ScalarList(), "");
    case Epilogue::kGelu: return unary.call(x, packed, bias, "gelu", ScalarList(), "none");
    default: return unary.call(x, packed, bias, "none", ScalarList(), "");
  }
}

Tensor finish(Tensor y, const Epilogue& e) {
  switch (e.kind) {
    case Epilogue::kTimes: return y.mul_(e.other);
    case Epilogue::kPlus: return e.other.scalar_type() == y.scalar_type() ? y.add_(e.other) : y + e.other;
    case Epilogue::kSilu: return at::silu_(y);
    case Epilogue::kGelu: return at::gelu(y);
    default: return y;
  }
}

// One small product by oneDNN's operators, held against the plain one.
bool works() {
  try {
    const Tensor w = at::linspace(-1, 1, 32 * 16).view({32, 16}), x = at::linspace(1, -2, 3 * 16).view({3, 16});
    const Tensor expected = at::linear(x, w);
    const auto type = at::kBFloat16;
    const Tensor zero =
        multiply_bf16(x.to(type), pack_bf16(w.to(type)), std::nullopt, {Epilogue::kPlus, expected.to(type).neg()});
    return zero.abs().max().item<double>() < 0.5;
  } catch (const std::exception&) {
    return false;
  }
}

bool has_bf16_operators() {
  static const bool yes = works();
  return yes;
}

// Calls body(rows, first row) for all rows of a stored matrix and gives them back, some at a time: a large head in float32
// several times over would be most of a process's memory.
template <class Body>
void for_some_rows(const Tensor& weight, const Packing& packing, const Body& body) {
  constexpr int64_t kRowsAtOnce = 1024;
  for (int64_t row = 0; row < weight.size(0); row += kRowsAtOnce) {
    const Tensor stored = weight.slice(0, row, row + kRowsAtOnce);
    body(stored, row);
    if (packing.give_back) packing.give_back(stored);
  }
}

}  // namespace

struct PackedLinear::Form {
  std::optional<PanelMatrix> panels;  // f32 and int8
  Tensor weight;                      // bf16: packed; plain where the operators are missing
  Tensor bias;                        // undefined without one
};

PackedLinear::PackedLinear(Tensor weight, Tensor bias, Packing packing)
    : weight_(std::move(weight)), bias_(std::move(bias)), packing_(std::move(packing)) {}

PackedLinear::~PackedLinear() = default;

const PackedLinear::Form& PackedLinear::form() const {
  std::call_once(once_, [&] {
    const NoGradGuard no_grad;
    const Precision precision = packing_.precision;
    auto form = std::make_unique<Form>();
    const auto type = precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
    if (bias_.defined()) form->bias = bias_.to(type).contiguous();
    if (precision == Precision::kBf16) {
      const Tensor weight = weight_.to(type);
      form->weight = has_bf16_operators() ? pack_bf16(weight) : weight;
      if (packing_.give_back && !form->weight.is_same(weight_)) packing_.give_back(weight_);
    } else {
      using Numbers = PanelMatrix::Numbers;
      form->panels.emplace(weight_.size(1), weight_.size(0),
                           precision == Precision::kInt8 ? Numbers::kInt8 : Numbers::kFloat32);
      for_some_rows(weight_, packing_,
                    [&](const Tensor& stored, int64_t first) { form->panels->pack(stored.t(), first); });
    }
    form_ = std::move(form);
  });
  return *form_;
}

Tensor PackedLinear::operator()(const Tensor& x, const Epilogue& epilogue) const {
  const Form& f = form();
  if (f.panels) {
    count_operations("fourm::linear", 2.0 * static_cast<double>(x.numel() * weight_.size(0)));
    return f.panels->multiply(x.to(at::kFloat), f.bias, epilogue);
  }
  const Tensor in = x.to(at::kBFloat16);
  const std::optional<Tensor> bias = f.bias.defined() ? std::optional(f.bias) : std::nullopt;
  if (!has_bf16_operators()) return finish(at::linear(in, f.weight, bias), epilogue);
  // Residuals stay float32 beside bfloat16 products.
  const bool fits = !epilogue.other.defined() || epilogue.other.scalar_type() == at::kBFloat16;
  return fits ? multiply_bf16(in, f.weight, bias, epilogue) : finish(multiply_bf16(in, f.weight, bias, {}), epilogue);
}

bool bf16_is_fast() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") && has_bf16_operators();
#else
  return false;
#endif
}

}  // namespace fourm
