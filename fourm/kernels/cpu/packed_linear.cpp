#include "fourm/kernels/cpu/packed_linear.h"

#include "fourm/core/error.h"
#include "fourm/kernels/cpu/onednn.h"
#include "fourm/kernels/cpu/panel_matrix.h"
#include "fourm/kernels/operation_count.h"

namespace fourm {
namespace {

Tensor finish(Tensor y, const Epilogue& e) {
  switch (e.kind) {
    case Epilogue::kResidual: return e.residual.scalar_type() == y.scalar_type() ? y.add_(e.residual) : y + e.residual;
    case Epilogue::kSilu: return at::silu_(y);
    case Epilogue::kGelu: return at::gelu(y);
    default: return y;
  }
}

// Calls body(rows, first row) for all rows of a stored matrix and releases their pages, a block of rows at a time: several
// float32 copies of a large head would be most of the process's memory.
template <class Body>
void for_some_rows(const Tensor& weight, const Packing& packing, const Body& body) {
  constexpr int64_t kRowsPerChunk = 1024;
  for (int64_t row = 0; row < weight.size(0); row += kRowsPerChunk) {
    const Tensor stored = weight.slice(0, row, row + kRowsPerChunk);
    body(stored, row);
    if (packing.release_pages) packing.release_pages(stored);
  }
}

}  // namespace

struct PackedLinear::Form {
  std::optional<PanelMatrix> panels;  // f32 and int8
  Tensor bias;                        // of all matrices; undefined without one
  std::vector<Matrix> bf16;           // weights packed; plain where the operators are missing
};

PackedLinear::PackedLinear(Tensor weight, Tensor bias, Packing packing)
    : matrices_{{std::move(weight), std::move(bias)}}, packing_(std::move(packing)) {}

PackedLinear::PackedLinear(Matrix gate, Matrix up, Packing packing)
    : matrices_{std::move(gate), std::move(up)}, packing_(std::move(packing)) {}

PackedLinear::~PackedLinear() = default;

const PackedLinear::Form& PackedLinear::form() const {
  return form_.get([&] {
    const NoGradGuard no_grad;
    const Precision precision = packing_.precision;
    Form form;
    if (precision == Precision::kBf16) {
      for (const auto& [stored, stored_bias] : matrices_) {
        const Tensor weight = stored.to(at::kBFloat16),
                     packed = onednn_has_linear(at::kBFloat16) ? onednn_pack(weight) : weight;
        if (packing_.release_pages && !packed.is_same(stored)) packing_.release_pages(stored);
        form.bf16.push_back({packed, stored_bias.defined() ? stored_bias.to(at::kBFloat16) : Tensor()});
      }
    } else {
      using Dtype = PanelMatrix::Dtype;
      const Tensor& first = matrices_.front().weight;
      const auto count = static_cast<int64_t>(matrices_.size());
      form.panels.emplace(PanelMatrix::Shape{.in = first.size(1), .out = first.size(0), .matrices = count},
                          precision == Precision::kInt8 ? Dtype::kInt8 : Dtype::kFloat32);
      std::vector<Tensor> biases;
      for (int64_t m = 0; m < count; ++m) {
        for_some_rows(matrices_[m].weight, packing_,
                      [&](const Tensor& stored, int64_t row) { form.panels->pack(stored.t(), row, m); });
        if (matrices_[m].bias.defined()) biases.push_back(matrices_[m].bias.to(at::kFloat));
      }
      if (!biases.empty()) form.bias = at::cat(biases);
    }
    return form;
  });
}

Tensor PackedLinear::operator()(const Tensor& x, const Epilogue& epilogue) const {
  if (epilogue.kind == Epilogue::kTanh) return (*this)(x).tanh_();  // not fused
  const Form& f = form();
  if (f.panels) {
    for (const Matrix& m : matrices_)
      count_operations("fourm::linear", 2.0 * static_cast<double>(x.numel() * m.weight.size(0)));
    return f.panels->multiply(as_type(x, at::kFloat), f.bias, epilogue);
  }
  const Tensor in = x.to(at::kBFloat16);
  // Residuals stay in float32.
  const bool fits = !epilogue.residual.defined() || epilogue.residual.scalar_type() == at::kBFloat16;
  Tensor y;
  for (const auto& [weight, bias_or_none] : f.bf16) {
    const std::optional<Tensor> bias = bias_or_none.defined() ? std::optional(bias_or_none) : std::nullopt;
    if (!onednn_has_linear(at::kBFloat16))
      y = y.defined() ? y * at::linear(in, weight, bias) : finish(at::linear(in, weight, bias), epilogue);
    else
      y = fits ? onednn_linear(in, weight, bias, epilogue, y) : finish(onednn_linear(in, weight, bias, {}), epilogue);
  }
  return y;
}

}  // namespace fourm
