#include "fourm/kernels/cpu/cpu_kernels.h"

#include <ATen/ops/native_layer_norm_native.h>

#include <algorithm>

#include "fourm/kernels/aten/aten_kernels.h"
#include "fourm/kernels/cpu/absorbed_attention.h"
#include "fourm/kernels/cpu/argmax_linear.h"
#include "fourm/kernels/cpu/attention.h"
#include "fourm/kernels/cpu/differentiable_linear.h"
#include "fourm/kernels/cpu/group_norm.h"
#include "fourm/kernels/cpu/huge_page_tensor.h"
#include "fourm/kernels/cpu/packed_conv2d.h"
#include "fourm/kernels/cpu/packed_linear.h"

namespace fourm {
namespace {

// When a row of a mapped table is read, the system also reads pages around it, up to a megabyte. Smaller tables stay.
constexpr int64_t kRowsAtOnce = 64;
constexpr size_t kMinReleasedBytes = 8 << 20;

class DifferentiableLinear : public LinearKernel {
 public:
  explicit DifferentiableLinear(Matrix matrix) : matrix_(std::move(matrix)) {}
  Tensor operator()(const Tensor& x, const Epilogue& epilogue) const override {
    return apply(epilogue, differentiable_linear(x, matrix_of(matrix_.weight), matrix_.bias));
  }

 private:
  Matrix matrix_;
};

// LibTorch's kernels, except for linear, argmax_linear and attention, which take most of the time.
class CpuTrainingKernels : public AtenKernels {
 public:
  using AtenKernels::AtenKernels;

  std::shared_ptr<const LinearKernel> linear(const Matrix& matrix) const override {
    return std::make_shared<DifferentiableLinear>(matrix);
  }
  std::shared_ptr<const Conv2dKernel> conv2d(const Tensor& weight, const Tensor& bias, int64_t stride) const override {
    Tensor(weight).set_data(channels_last(weight));  // in place: the list of parameters holds the same tensor
    return AtenKernels::conv2d(weight, bias, stride);
  }
  Tensor argmax_linear(const Tensor& x, const Matrix& matrix) const override { return cpu_argmax_linear(x, matrix); }
  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) const override {
    return cpu_attention(q, k, v, layout);
  }
  at::MemoryFormat image_format() const override { return at::MemoryFormat::ChannelsLast; }
};

class PackedGate : public LinearKernel {
 public:
  PackedGate(const Matrix& gate, const Matrix& up, Epilogue::Kind activation, const Packing& packing)
      : matrices_(gate, up, packing), activation_{activation, {}} {}
  Tensor operator()(const Tensor& x, const Epilogue&) const override { return matrices_(x, activation_); }

 private:
  PackedLinear matrices_;
  Epilogue activation_;
};

class CpuInferenceKernels : public Kernels {
 public:
  CpuInferenceKernels(const Compute& compute, ReleasePages release_pages)
      : Kernels(compute), packing_{compute.precision, std::move(release_pages)} {}

  std::shared_ptr<const LinearKernel> linear(const Matrix& matrix) const override {
    return std::make_shared<PackedLinear>(matrix_of(matrix.weight), matrix.bias, packing_);
  }
  std::shared_ptr<const LinearKernel> gated_linear(const Matrix& gate, const Matrix& up,
                                                   Epilogue::Kind activation) const override {
    if (activation == Epilogue::kTanh)  // not fused
      return std::make_shared<AtenGatedLinear>(linear(gate), linear(up), activation);
    return std::make_shared<PackedGate>(gate, up, activation, packing_);
  }
  std::shared_ptr<const Conv2dKernel> conv2d(const Tensor& weight, const Tensor& bias, int64_t stride) const override {
    return std::make_shared<PackedConv2d>(weight, bias, stride, packing_);
  }

  Tensor argmax_linear(const Tensor& x, const Matrix& matrix) const override { return cpu_argmax_linear(x, matrix); }
  Tensor embedding(const Tensor& table, const Tensor& ids) const override {
    if (!packing_.release_pages || table.nbytes() <= kMinReleasedBytes) return at::embedding(table, ids);
    std::vector<Tensor> parts;
    for (const Tensor& some : ids.split(kRowsAtOnce)) {
      parts.push_back(at::embedding(table, some));
      packing_.release_pages(table);
    }
    return at::cat(parts);
  }
  Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) const override {
    // at::layer_norm calls this function; its overhead is more than a step's few rows take.
    return std::get<0>(at::native::layer_norm_cpu(x, weight.sizes(), weight, bias, epsilon));
  }
  Tensor group_norm(const Tensor& x, const Tensor& shift, int64_t groups, const Tensor& weight, const Tensor& bias,
                    double epsilon, bool then_silu) const override {
    return cpu_group_norm(x, shift, groups, weight, bias, epsilon, then_silu);
  }
  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) const override {
    return cpu_attention(q, k, v, layout);
  }

  std::shared_ptr<const ContextAttention> context_attention(const Tensor& kv, const Tensor& norm_weight,
                                                            const Tensor& norm_bias, int64_t heads) const override {
    if (packing_.precision == Precision::kBf16) return nullptr;
    return std::make_shared<AbsorbedAttention>(kv, norm_weight, norm_bias, heads, packing_);
  }
  std::shared_ptr<const PreparedContext> prepare_context(const Tensor& rows, double epsilon,
                                                         const AttentionLayout& layout) const override {
    return std::make_shared<NormalizedContext>(rows, epsilon, layout);
  }

  int64_t rows_together() const override { return 384; }

  // The rows of a head are contiguous: decoding one token at a time is bound by memory bandwidth.
  Tensor key_value_cache(int64_t layers, int64_t n, int64_t heads, int64_t head_width) const override {
    return huge_page_tensor({layers, 2, heads, n, head_width}, at::kFloat).transpose(2, 3);
  }
  void write_rows(const Tensor& from, const Tensor& rows, const Tensor& to) const override {
    const Tensor values = as_type(from, at::kFloat).contiguous();  // [N, H, hd]
    const int64_t heads = values.size(1), width = values.size(2);
    const float* x = values.const_data_ptr<float>();
    float* const all = to.data_ptr<float>();
    const int64_t* const places = rows.const_data_ptr<int64_t>();
    for (int64_t i = 0; i < rows.numel(); ++i)
      for (int64_t h = 0; h < heads; ++h, x += width)
        std::copy_n(x, width, all + places[i] * to.stride(0) + h * to.stride(1));
  }
  at::MemoryFormat image_format() const override { return at::MemoryFormat::ChannelsLast; }

 private:
  Packing packing_;
};

}  // namespace

std::shared_ptr<const Kernels> cpu_kernels(const Compute& compute, ReleasePages release_pages) {
  if (compute.inference) return std::make_shared<CpuInferenceKernels>(compute, std::move(release_pages));
  return std::make_shared<CpuTrainingKernels>(compute);
}

}  // namespace fourm
