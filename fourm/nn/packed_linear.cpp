#include "fourm/nn/packed_linear.h"

#include <ATen/Parallel.h>

#include <bit>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/simd.h"
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

Tensor pack_int8(const Tensor& weight) {
  static const auto op = operator_named<Tensor(Tensor, std::optional<c10::List<int64_t>>)>("onednn::qlinear_prepack");
  return op.call(weight, std::nullopt);
}

Tensor multiply_int8(const Tensor& x, int64_t zero, const Tensor& packed, const Tensor& scales, const Tensor& zeros) {
  static const auto op =
      operator_named<Tensor(Tensor, double, int64_t, Tensor, Tensor, Tensor, std::optional<Tensor>, double, int64_t,
                            std::optional<at::ScalarType>, std::string_view, ScalarList, std::string_view)>(
          "onednn::qlinear_pointwise");
  return op.call(x, 1.0, zero, packed, scales, zeros, std::nullopt, 1.0, 0, at::kFloat, "none", ScalarList(), "");
}

// Two neighbouring products are summed in 16 bits where there is no VNNI: 2 * 127 * 127 fits, 2 * 255 * 127 does not.
int64_t activation_levels() {
#if defined(__x86_64__)
  static const bool vnni = __builtin_cpu_supports("avx512vnni") || __builtin_cpu_supports("avxvnni");
  return vnni ? 127 : 63;
#else
  return 63;
#endif
}

struct Rows {
  Tensor values, scales;  // [N, in] uint8 around levels + 1, [N, 1]
};

// out <- round(in * levels / max|in|) + zero; returns the step between levels. Plain loops that vectorise.
FOURM_INLINE float quantize_body(const float* in, int64_t n, int64_t levels, uint8_t* out) {
  int32_t largest = 0;  // bits of |x| order as numbers do, NaN above all
  for (int64_t i = 0; i < n; ++i) {
    const int32_t bits = std::bit_cast<int32_t>(in[i]) & 0x7fffffff;
    largest = largest > bits ? largest : bits;
  }
  const float most = std::bit_cast<float>(largest), step = most / static_cast<float>(levels);
  const float inverse = most > 0 ? static_cast<float>(levels) / most : 0.0f;
  const float shift = 12582912.0f + static_cast<float>(levels + 1);  // rounds into the low bits of the mantissa
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(std::bit_cast<int32_t>(in[i] * inverse + shift));
  return step;
}
FOURM_AVX512 float quantize_avx512(const float* in, int64_t n, int64_t levels, uint8_t* out) {
  return quantize_body(in, n, levels, out);
}
FOURM_AVX2 float quantize_avx2(const float* in, int64_t n, int64_t levels, uint8_t* out) {
  return quantize_body(in, n, levels, out);
}

Rows quantize_rows(const Tensor& x, int64_t levels) {
  const Tensor in = x.to(at::kFloat).contiguous();
  const int64_t n = in.size(0), width = in.size(1);
  Rows rows{at::empty({n, width}, at::kByte), at::empty({n, 1}, at::kFloat)};
  const float* from = in.data_ptr<float>();
  auto* to = rows.values.data_ptr<uint8_t>();
  float* scales = rows.scales.data_ptr<float>();
  const auto quantize = has_avx512() ? quantize_avx512 : has_avx2() ? quantize_avx2 : quantize_body;
  at::parallel_for(0, n, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) scales[i] = quantize(from + i * width, width, levels, to + i * width);
  });
  return rows;
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

// One small product by each operator, held against the plain one.
bool works(Precision precision) {
  try {
    const Tensor w = at::linspace(-1, 1, 32 * 16).view({32, 16}), x = at::linspace(1, -2, 3 * 16).view({3, 16});
    const Tensor expected = at::linear(x, w);
    Tensor found;
    if (precision == Precision::kInt8) {
      const int64_t levels = activation_levels();
      const Rows rows = quantize_rows(x, levels);
      const Tensor scales = at::full({32}, 1 / 127.0, at::kFloat);
      found = multiply_int8(rows.values, levels + 1, pack_int8(at::round(w * 127).to(at::kChar)), scales,
                            at::zeros({32}, at::kInt)) *
              rows.scales;
    } else {
      const auto type = at::kBFloat16;
      found = multiply_bf16(x.to(type), pack_bf16(w.to(type)), std::nullopt, {Epilogue::kPlus, expected.to(type)})
                  .to(at::kFloat) -
              expected;
    }
    return (found - expected).abs().max().item<double>() < 0.5;
  } catch (const std::exception&) {
    return false;
  }
}

// Of oneDNN's operators: bf16 or int8.
bool available(Precision precision) {
  static const bool bf16 = works(Precision::kBf16), int8 = works(Precision::kInt8);
  return precision == Precision::kBf16 ? bf16 : int8;
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
  std::optional<PanelMatrix> panels;  // f32
  Tensor weight;                      // bf16 and int8: packed; plain bfloat16 where the operators are missing
  Tensor scales, zeros;               // int8: by output channel
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
    switch (precision) {
      case Precision::kF32:
        form->panels.emplace(weight_.size(1), weight_.size(0));
        for_some_rows(weight_, packing_,
                      [&](const Tensor& stored, int64_t first) { form->panels->pack(stored.t(), first); });
        break;
      case Precision::kBf16: {
        const Tensor weight = weight_.to(type);
        form->weight = available(precision) ? pack_bf16(weight) : weight;
        if (packing_.give_back && !form->weight.is_same(weight_)) packing_.give_back(weight_);
        break;
      }
      case Precision::kInt8: {
        check(available(precision),
              "int8 needs oneDNN's quantised products, which this LibTorch does not have here; use f32 or bf16");
        form->scales = at::empty({weight_.size(0)}, at::kFloat);
        form->zeros = at::zeros({weight_.size(0)}, at::kInt);
        Tensor levels = at::empty(weight_.sizes(), at::kChar);
        for_some_rows(weight_, packing_, [&](const Tensor& stored, int64_t first) {
          const Tensor rows = stored.to(at::kFloat), scales = (rows.abs().amax(1) / 127.0).clamp_min(1e-30);
          form->scales.narrow(0, first, rows.size(0)).copy_(scales);
          levels.narrow(0, first, rows.size(0)).copy_((rows / scales.unsqueeze(1)).round_().clamp_(-127, 127));
        });
        form->weight = pack_int8(levels);
        break;
      }
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
  if (packing_.precision == Precision::kInt8) {
    const int64_t levels = activation_levels();
    const Rows rows = quantize_rows(x, levels);
    Tensor y = multiply_int8(rows.values, levels + 1, f.weight, f.scales, f.zeros).mul_(rows.scales);
    if (f.bias.defined()) y.add_(f.bias);
    return finish(y, epilogue);
  }
  const Tensor in = x.to(at::kBFloat16);
  const std::optional<Tensor> bias = f.bias.defined() ? std::optional(f.bias) : std::nullopt;
  if (!available(Precision::kBf16)) return finish(at::linear(in, f.weight, bias), epilogue);
  // Residuals stay float32 beside bfloat16 products.
  const bool fits = !epilogue.other.defined() || epilogue.other.scalar_type() == at::kBFloat16;
  return fits ? multiply_bf16(in, f.weight, bias, epilogue) : finish(multiply_bf16(in, f.weight, bias, {}), epilogue);
}

bool is_fast(Precision precision) {
#if defined(__x86_64__)
  if (precision == Precision::kBf16) return __builtin_cpu_supports("avx512bf16") && available(precision);
#endif
  return precision == Precision::kF32 || (precision == Precision::kInt8 && available(precision));
}

}  // namespace fourm
