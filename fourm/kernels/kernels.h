// The operations that layers consist of. kernels/cpu has fast ones for the CPU, kernels/aten has LibTorch's, for every
// device and as the reference. Layers get theirs from a Scope (nn/parameters.h).
//
// Shapes: N rows (packed tokens of a batch; in attention M query rows and N key rows), H heads of width hd, D = H hd, images [B, C, H, W].
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "fourm/kernels/attention_layout.h"
#include "fourm/kernels/compute.h"
#include "fourm/kernels/epilogue.h"

namespace fourm {

/// The weight [out, in, ...] and bias [out] of a linear map; without bias the latter is undefined.
struct Matrix {
  Tensor weight, bias;
};

/// epilogue(x W^T + b). x [N, in] -> [N, out]. Training also takes x [..., in]. The result may have the type of the
/// model's precision; a sum with a float32 residual is float32.
class LinearKernel {
 public:
  virtual ~LinearKernel() = default;
  virtual Tensor operator()(const Tensor& x, const Epilogue& epilogue = {}) const = 0;
};

/// conv(x) + bias (+ residual), padded so that stride 1 keeps the size. x [B, in, H, W] -> [B, out, H / stride, W / stride],
/// float32 in inference.
class Conv2dKernel {
 public:
  virtual ~Conv2dKernel() = default;
  virtual Tensor operator()(const Tensor& x, const Tensor& residual = {}) const = 0;
};

/// The rows of a context in a form of the kernels' own, shared by the cross-attentions of all layers.
class PreparedContext {
 public:
  virtual ~PreparedContext() = default;
};

/// Cross-attention to a prepared context, without keys and values of the context's rows.
class ContextAttention {
 public:
  virtual ~ContextAttention() = default;
  /// Whether it is cheaper in this layout than computing keys and values.
  virtual bool is_cheaper(const AttentionLayout& layout) const = 0;
  /// q [M, H, hd], in the context's layout -> [M, D]. A query without context rows gives 0.
  virtual Tensor operator()(const Tensor& q, const PreparedContext& context) const = 0;
};

/// The weight as a matrix [out, in].
inline Tensor matrix_of(const Tensor& weight) { return weight.dim() == 2 ? weight : weight.flatten(1); }

class Kernels {
 public:
  explicit Kernels(Compute compute) : compute_(compute) {}
  virtual ~Kernels() = default;
  const Compute& compute() const { return compute_; }
  const at::Device& device() const { return compute_.device; }

  /// A parameter as the model keeps it: on the device, a matrix of a model for inference in the type of its precision.
  virtual Tensor place(const Tensor& parameter) const { return parameter; }

  virtual std::shared_ptr<const LinearKernel> linear(const Matrix& matrix) const = 0;
  /// activation(gate(x)) * up(x), each x W^T + b. Both have biases, or none has. Called without an epilogue.
  virtual std::shared_ptr<const LinearKernel> gated_linear(const Matrix& gate, const Matrix& up,
                                                           Epilogue::Kind activation) const = 0;
  /// weight [out, in, k, k] with k odd, bias [out].
  virtual std::shared_ptr<const Conv2dKernel> conv2d(const Tensor& weight, const Tensor& bias,
                                                     int64_t stride) const = 0;
  /// table [V, D], ids [n] -> [n, D].
  virtual Tensor embedding(const Tensor& table, const Tensor& ids) const = 0;
  /// Over the last dimension.
  virtual Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double epsilon) const = 0;
  /// norm(x + shift), or silu of it. x [B, C, H, W], weight and bias [C], shift [B or 1, C] or undefined, `groups` a
  /// divisor of C.
  virtual Tensor group_norm(const Tensor& x, const Tensor& shift, int64_t groups, const Tensor& weight,
                            const Tensor& bias, double epsilon, bool then_silu) const = 0;
  /// softmax(q k^T / sqrt(hd)) v per head, for M query rows and N key rows. q [M, H, hd], k and v [N, H, hd], of any row
  /// stride -> [M, H, hd]. A query without keys gives 0. Differentiable.
  virtual Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) const = 0;

  /// Prepares attention in a layout with `queries` query rows and `keys` key rows on the CPU, and adds the tensors that it
  /// needs to `uploads`: they have to be on the device before attention() is called. Without it attention() prepares
  /// itself. Nothing where the kernels need no preparation.
  virtual void plan(AttentionLayout& /*layout*/, int64_t /*queries*/, int64_t /*keys*/,
                    std::vector<Tensor*>& /*uploads*/) const {}

  /// kv [2D, D]: the projections to keys and values. norm_weight, norm_bias [D]: those of the context's layer norm. Null
  /// where the kernels have no such operation.
  virtual std::shared_ptr<const ContextAttention> context_attention(const Tensor& /*kv*/, const Tensor& /*norm_weight*/,
                                                                    const Tensor& /*norm_bias*/,
                                                                    int64_t /*heads*/) const {
    return nullptr;
  }
  /// rows [N, D]: what context_attention() attends to, before its layer norm. The layout must not hide rows of a segment.
  virtual std::shared_ptr<const PreparedContext> prepare_context(const Tensor& /*rows*/, double /*epsilon*/,
                                                                 const AttentionLayout& /*layout*/) const {
    return nullptr;
  }

  /// Rows of a batch that are worth computing together: more are no faster, and their activations take more memory.
  virtual int64_t rows_together() const { return std::numeric_limits<int64_t>::max(); }

  /// The memory format of images that convolutions and group norms work best with.
  virtual at::MemoryFormat image_format() const = 0;

  /// Memory for the keys and values of a KV cache, uninitialised or zero: [layers, 2, n, H, hd].
  virtual Tensor key_value_cache(int64_t layers, int64_t n, int64_t heads, int64_t head_width) const = 0;
  /// to[rows[i]] <- from[i]. from [M, H, hd], to [N, H, hd], rows [M] int64.
  virtual void write_rows(const Tensor& from, const Tensor& rows, const Tensor& to) const = 0;

  /// The column of the largest value of x W^T + b for each row, in float32: Long [N]. x [N, in]. Not differentiable.
  virtual Tensor argmax_linear(const Tensor& x, const Matrix& matrix) const = 0;

 private:
  Compute compute_;
};

/// Called with rows of a stored matrix that are no longer read, so that its mapped pages can be released.
using ReleasePages = std::function<void(const Tensor& rows)>;

/// The kernels of a model: kernels/cpu on the CPU, kernels/aten on other devices and for the reference.
std::shared_ptr<const Kernels> make_kernels(const Compute& compute, ReleasePages release_pages = {});

}  // namespace fourm
