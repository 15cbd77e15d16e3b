#include "fourm/kernels/aten/aten_kernels.h"

#include "fourm/core/error.h"
#include "fourm/core/lazy.h"
#include "fourm/kernels/aten/attention.h"
#include "fourm/kernels/precision_scope.h"

namespace fourm {
namespace {

// A weight and a bias. In inference they are converted to the model's precision at first use.
class Weights {
 public:
  Weights(Matrix stored, const Compute& compute) : stored_(std::move(stored)) {
    if (compute.inference) type_ = multiplication_type(compute.precision);
  }
  const Matrix& get() const {
    if (!type_) return stored_;
    return converted_.get([&] {
      return Matrix{as_type(stored_.weight, *type_), stored_.bias.defined() ? as_type(stored_.bias, *type_) : Tensor()};
    });
  }
  /// x in the type of the weights.
  Tensor input(const Tensor& x) const { return type_ ? as_type(x, *type_) : x; }

 private:
  Matrix stored_;
  std::optional<at::ScalarType> type_;
  Lazy<Matrix> converted_;
};

class AtenLinear : public LinearKernel {
 public:
  AtenLinear(const Matrix& matrix, const Compute& compute) : weights_(matrix, compute) {}
  Tensor operator()(const Tensor& x, const Epilogue& epilogue) const override {
    const auto& [weight, bias] = weights_.get();
    return apply(epilogue, at::linear(weights_.input(x), matrix_of(weight), bias));
  }

 private:
  Weights weights_;
};

class AtenConv2d : public Conv2dKernel {
 public:
  AtenConv2d(const Matrix& filters, int64_t stride, const Compute& compute)
      : weights_(filters, compute), stride_(stride), inference_(compute.inference) {}
  Tensor operator()(const Tensor& x, const Tensor& residual) const override {
    const auto& [weight, bias] = weights_.get();
    Tensor y = at::conv2d(weights_.input(x), weight, bias, stride_, weight.size(2) / 2);
    if (inference_) y = as_type(y, at::kFloat);  // sums with residuals are float32
    return residual.defined() ? residual + y : y;
  }

 private:
  Weights weights_;
  int64_t stride_;
  bool inference_;
};

}  // namespace

Tensor apply(const Epilogue& epilogue, const Tensor& y) {
  switch (epilogue.kind) {
    case Epilogue::kNone: return y;
    case Epilogue::kSilu: return at::silu(y);
    case Epilogue::kGelu: return at::gelu(y);
    case Epilogue::kTanh: return at::tanh(y);
    case Epilogue::kResidual: return epilogue.residual + y;
  }
  fail("[apply] unknown epilogue");
}

Tensor AtenKernels::place(const Tensor& parameter) const {
  const bool narrow = compute().inference && parameter.dim() == 2;
  return parameter.to(device(), narrow ? multiplication_type(compute().precision) : parameter.scalar_type());
}

std::shared_ptr<const LinearKernel> AtenKernels::linear(const Matrix& matrix) const {
  return std::make_shared<AtenLinear>(matrix, compute());
}

std::shared_ptr<const LinearKernel> AtenKernels::gated_linear(const Matrix& gate, const Matrix& up,
                                                              Epilogue::Kind activation) const {
  return std::make_shared<AtenGatedLinear>(linear(gate), linear(up), activation);
}

std::shared_ptr<const Conv2dKernel> AtenKernels::conv2d(const Tensor& weight, const Tensor& bias,
                                                        int64_t stride) const {
  return std::make_shared<AtenConv2d>(Matrix{weight, bias}, stride, compute());
}

void AtenKernels::plan(AttentionLayout& layout, int64_t queries, int64_t keys, std::vector<Tensor*>& uploads) const {
  if (!device().is_cpu() && !layout.plan) plan_attention(layout, queries, keys, uploads);
}

Tensor AtenKernels::argmax_linear(const Tensor& x, const Matrix& matrix) const {
  constexpr int64_t kRows = 8192;  // bounds the memory of the products
  std::vector<Tensor> parts;
  for (const Tensor& rows : x.split(kRows)) parts.push_back(at::linear(rows, matrix.weight, matrix.bias).argmax(1));
  return at::cat(parts);
}

Tensor AtenKernels::embedding(const Tensor& table, const Tensor& ids) const { return at::embedding(table, ids); }

Tensor AtenKernels::layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) const {
  // Inference in bfloat16 has rows of that type, and norms in float32, as autocast does in training.
  const Tensor rows = compute().inference ? as_type(x, weight.scalar_type()) : x;
  return at::layer_norm(rows, weight.sizes(), weight, bias, epsilon);
}

Tensor AtenKernels::group_norm(const Tensor& x, const Tensor& shift, int64_t groups, const Tensor& weight,
                               const Tensor& bias, double epsilon, bool then_silu) const {
  Tensor in = compute().inference ? as_type(x, weight.scalar_type()) : x;
  if (shift.defined()) in = in + shift.view({shift.size(0), shift.size(1), 1, 1});
  const Tensor y = at::group_norm(in, groups, weight, bias, epsilon);
  return then_silu ? at::silu(y) : y;
}

Tensor AtenKernels::attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) const {
  // Autocast makes normalised queries and keys float32. The type is therefore that of multiplications, not theirs.
  const at::ScalarType type = compute().inference ? multiplication_type(compute().precision) : multiplication_type(q);
  return aten_attention(q, k, v, layout, type);
}

Tensor AtenKernels::key_value_cache(int64_t layers, int64_t n, int64_t heads, int64_t head_width) const {
  const at::ScalarType type = compute().inference ? multiplication_type(compute().precision) : at::kFloat;
  return at::zeros({layers, 2, n, heads, head_width}, at::TensorOptions(type).device(device()));
}

void AtenKernels::write_rows(const Tensor& from, const Tensor& rows, const Tensor& to) const {
  Tensor(to).index_copy_(0, rows, as_type(from, to.scalar_type()));
}

}  // namespace fourm
