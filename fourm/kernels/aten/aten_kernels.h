// Kernels that consist of LibTorch's operators: for GPUs, and the reference on every device. In training they follow
// PrecisionScope; in inference weights are stored in the model's precision.
#pragma once

#include "fourm/kernels/aten/gated_product.h"
#include "fourm/kernels/kernels.h"

namespace fourm {

/// epilogue(y), by LibTorch's operators.
Tensor apply(const Epilogue& epilogue, const Tensor& y);

/// activation(gate(x)) * up(x).
class AtenGatedLinear : public LinearKernel {
 public:
  AtenGatedLinear(std::shared_ptr<const LinearKernel> gate, std::shared_ptr<const LinearKernel> up,
                  Epilogue::Kind activation)
      : gate_(std::move(gate)), up_(std::move(up)), activation_(activation) {}
  Tensor operator()(const Tensor& x, const Epilogue&) const override {
    if (c10::GradMode::is_enabled()) return gated_product((*gate_)(x), (*up_)(x), activation_);
    return (*gate_)(x, {activation_, {}}) * (*up_)(x);
  }

 private:
  std::shared_ptr<const LinearKernel> gate_, up_;
  Epilogue::Kind activation_;
};

class AtenKernels : public Kernels {
 public:
  using Kernels::Kernels;

  Tensor place(const Tensor& parameter) const override;
  std::shared_ptr<const LinearKernel> linear(const Matrix& matrix) const override;
  std::shared_ptr<const LinearKernel> gated_linear(const Matrix& gate, const Matrix& up,
                                                   Epilogue::Kind activation) const override;
  std::shared_ptr<const Conv2dKernel> conv2d(const Tensor& weight, const Tensor& bias, int64_t stride) const override;
  Tensor argmax_linear(const Tensor& x, const Matrix& matrix) const override;
  Tensor embedding(const Tensor& table, const Tensor& ids) const override;
  Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) const override;
  Tensor group_norm(const Tensor& x, const Tensor& shift, int64_t groups, const Tensor& weight, const Tensor& bias,
                    double epsilon, bool then_silu) const override;
  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) const override;
  void plan(AttentionLayout& layout, int64_t queries, int64_t keys, std::vector<Tensor*>& uploads) const override;
  Tensor key_value_cache(int64_t layers, int64_t n, int64_t heads, int64_t head_width) const override;
  void write_rows(const Tensor& from, const Tensor& rows, const Tensor& to) const override;
  at::MemoryFormat image_format() const override { return at::MemoryFormat::Contiguous; }
};

}  // namespace fourm
