// The layers of the Transformer and the tokenizers. A layer gets its tensors and the kernels that it computes with from a
// Scope. Copying a layer copies handles to the same tensors.
#pragma once

#include "fourm/nn/parameters.h"

namespace fourm {

enum class Activation { kGelu, kSilu, kTanh };  // GELU is the exact (erf) form

/// y = x W^T + b, weight [out, in].
struct Linear {
  Tensor weight, bias;
  Linear() = default;
  /// `blocks`: the number of matrices stacked in the weight (qkv: 3, kv: 2). Each has a Xavier initialisation of its own.
  Linear(const Scope& scope, int64_t in, int64_t out, bool with_bias, int64_t blocks = 1);
  /// With bias. The weight is stored as that of a convolution over single positions or whole patches: [out, in, ...].
  static Linear convolution(const Scope& scope, at::IntArrayRef shape, bool zero = false);
  Tensor operator()(const Tensor& x) const { return (*multiply_)(x); }
  Tensor operator()(const Tensor& x, Activation activation) const;      ///< activation(y)
  Tensor with_residual(const Tensor& x, const Tensor& residual) const;  ///< residual + y

 private:
  std::shared_ptr<const LinearKernel> multiply_;
};

/// Rows of a table [V, D].
struct EmbeddingTable {
  Tensor weight;
  EmbeddingTable() = default;
  EmbeddingTable(const Scope& scope, int64_t count, int64_t width, const Init& init);
  Tensor operator()(const Tensor& ids) const { return kernels_->embedding(weight, ids); }  ///< [n] -> [n, D]

 private:
  std::shared_ptr<const Kernels> kernels_;
};

/// Over the last dimension. The bias is always stored; `with_bias` says whether it is learned.
struct LayerNorm {
  Tensor weight, bias;
  double epsilon = 1e-6;
  LayerNorm() = default;
  LayerNorm(const Scope& scope, int64_t width, bool with_bias, double eps = 1e-6);
  Tensor operator()(const Tensor& x) const { return kernels_->layer_norm(x, weight, bias, epsilon); }

 private:
  std::shared_ptr<const Kernels> kernels_;
};

/// fc2(act(fc1 x)), or gated: fc2(act(fc1 x) * fc3 x).
struct Mlp {
  Linear fc1, fc2, fc3;
  Activation activation = Activation::kGelu;
  Mlp() = default;
  Mlp(const Scope& scope, int64_t width, int64_t hidden, Activation act, bool gated, bool bias);
  Tensor operator()(const Tensor& x) const { return fc2(hidden(x)); }
  Tensor with_residual(const Tensor& x, const Tensor& residual) const { return fc2.with_residual(hidden(x), residual); }

 private:
  Tensor hidden(const Tensor& x) const;
  std::shared_ptr<const LinearKernel> gate_;  // fc1 and fc3; null without a gate
};

struct BlockConfig {
  int64_t width, heads, mlp_hidden;
  bool qkv_bias = false, proj_bias = false, mlp_bias = false, norm_bias = false;
  bool gated_mlp = true, qk_norm = false;
  Activation activation = Activation::kSilu;
};

/// LayerNorm of each head's queries and keys if the config has qk_norm, else the identity.
struct HeadNorms {
  LayerNorm q_norm, k_norm;
  bool used = false;
  HeadNorms() = default;
  HeadNorms(const Scope& scope, const BlockConfig& c);
  Tensor query(const Tensor& q) const { return used ? q_norm(q) : q; }
  Tensor key(const Tensor& k) const { return used ? k_norm(k) : k; }
};

/// Self-attention of packed rows.  x [N, D] -> qkv -> (qk norm) -> attention -> proj [N, D]
struct SelfAttention {
  Linear qkv, proj;
  HeadNorms norms;
  int64_t heads = 1;
  SelfAttention() = default;
  SelfAttention(const Scope& scope, const BlockConfig& c);
  struct Heads {
    Tensor q, k, v;  // [N, H, hd]
  };
  /// The KV cache: keys and values of all rows so far. Row i of x is written to places[i].
  struct Cache {
    Tensor k, v;    // [n, H, hd], room for n rows
    Tensor places;  // [N] int64
  };
  /// residual + the attention's output. With a cache, keys and values of x are written into it first and the layout's keys
  /// are the rows of the cache; otherwise they are the rows of x.
  Tensor with_residual(const Tensor& x, const AttentionLayout& layout, const Tensor& residual,
                       Cache* cache = nullptr) const;

 private:
  Heads project(const Tensor& x) const;
  std::shared_ptr<const Kernels> kernels_;
};

/// Queries from y [M, D], keys and values from the context [N, D].
struct CrossAttention {
  Linear q, kv, proj;
  HeadNorms norms;
  int64_t heads = 1;
  CrossAttention() = default;
  /// context_norm: the layer norm of the context.
  CrossAttention(const Scope& scope, const BlockConfig& c, const LayerNorm& context_norm);
  struct Keys {
    Tensor k, v;                                      // [N, H, hd]
    std::shared_ptr<const PreparedContext> prepared;  // instead of k and v (Kernels::context_attention)
  };
  Keys keys(const Tensor& context) const;
  /// Whether attention in this layout is cheaper without keys and values of the context.
  bool prefers_prepared(const AttentionLayout& layout) const {
    return context_attention_ && context_attention_->is_cheaper(layout);
  }
  /// residual + the attention's output
  Tensor with_residual(const Tensor& y, const Keys& keys, const AttentionLayout& layout, const Tensor& residual) const;

 private:
  std::shared_ptr<const Kernels> kernels_;
  std::shared_ptr<const ContextAttention> context_attention_;  // where keys have neither bias nor norm
};

/// x += attn(norm1 x); x += mlp(norm2 x)
struct EncoderBlock {
  LayerNorm norm1, norm2;
  SelfAttention attn;
  Mlp mlp;
  EncoderBlock() = default;
  EncoderBlock(const Scope& scope, const BlockConfig& c);
  Tensor operator()(const Tensor& x, const AttentionLayout& layout) const;
};

/// y += self_attn(norm1 y); y += cross_attn(query_norm y, context_norm context); y += mlp(norm2 y). Rows of y beyond the
/// last segment of `across` have no context; their cross-attention is zero.
struct DecoderBlock {
  LayerNorm norm1, query_norm, context_norm, norm2;
  SelfAttention self_attn;
  CrossAttention cross_attn;
  Mlp mlp;
  DecoderBlock() = default;
  DecoderBlock(const Scope& scope, const BlockConfig& c);
  CrossAttention::Keys keys(const Tensor& context) const { return cross_attn.keys(context_norm(context)); }
  Tensor operator()(const Tensor& y, const CrossAttention::Keys& context, const AttentionLayout& within,
                    const AttentionLayout& across, SelfAttention::Cache* cache = nullptr) const;
};

}  // namespace fourm
