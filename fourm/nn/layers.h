// The layers that the transformer and the tokenizers are made of. Each takes its tensors from a Scope and is a plain
// value: copying a layer copies handles.
#pragma once

#include <functional>

#include "fourm/nn/affine.h"
#include "fourm/nn/attention.h"
#include "fourm/nn/context_attention.h"
#include "fourm/nn/packed_linear.h"
#include "fourm/nn/parameters.h"

namespace fourm {

enum class Activation { kGelu, kSilu, kTanh };
Tensor activate(Activation activation, const Tensor& x);  ///< GELU is the exact (erf) form

/// y = x W^T + b. weight [out, in]. The plain product, or the packed one in a model opened to answer.
struct Linear {
  Tensor weight, bias;
  std::shared_ptr<const PackedLinear> packed;
  Linear() = default;
  /// `blocks`: how many stacked matrices the weight is (qkv: 3, kv: 2); each is initialised on its own (Xavier).
  Linear(const Scope& scope, int64_t in, int64_t out, bool with_bias, int64_t blocks = 1);
  /// With a bias, and the weight stored as that of a convolution over single positions or whole patches: [out, in, ...].
  static Linear convolution(const Scope& scope, at::IntArrayRef shape, bool zero = false);
  Tensor operator()(const Tensor& x) const { return packed ? (*packed)(x) : affine(x, matrix(), bias); }
  Tensor operator()(const Tensor& x, Activation activation) const;  ///< activation(y)
  Tensor plus(const Tensor& x, const Tensor& residual) const;       ///< residual + y

 private:
  Tensor matrix() const { return weight.dim() == 2 ? weight : weight.flatten(1); }
};

/// Rows of a table [V, D]. A model opened to answer maps it, and gives back what rows brought of the file.
struct EmbeddingTable {
  Tensor weight;
  EmbeddingTable() = default;
  EmbeddingTable(const Scope& scope, int64_t count, int64_t width, const Init& init);
  Tensor operator()(const Tensor& ids) const;  ///< [n] -> [n, D]

 private:
  std::function<void(const Tensor&)> give_back_;  // of large tables
};

/// Over the last dimension. The bias is always stored; `with_bias` says whether it is learned.
struct LayerNorm {
  Tensor weight, bias;
  double epsilon = 1e-6;
  bool answers = false;  // in a model opened to answer, which needs no gradients
  LayerNorm() = default;
  LayerNorm(const Scope& scope, int64_t width, bool with_bias, double eps = 1e-6);
  Tensor operator()(const Tensor& x) const;
};

/// fc2(act(fc1 x)), or gated: fc2(act(fc1 x) * fc3 x).
struct Mlp {
  Linear fc1, fc2, fc3;
  std::shared_ptr<const PackedLinear> gate;  // fc1 and fc3, in a model opened to answer
  Activation activation = Activation::kGelu;
  bool gated = false;
  Mlp() = default;
  Mlp(const Scope& scope, int64_t width, int64_t hidden, Activation act, bool is_gated, bool bias);
  Tensor operator()(const Tensor& x) const { return fc2(hidden(x)); }
  Tensor plus(const Tensor& x, const Tensor& residual) const { return fc2.plus(hidden(x), residual); }

 private:
  Tensor hidden(const Tensor& x) const;
};

struct BlockConfig {
  int64_t width, heads, mlp_hidden;
  bool qkv_bias = false, proj_bias = false, mlp_bias = false, norm_bias = false;
  bool gated_mlp = true, qk_norm = false;
  Activation activation = Activation::kSilu;
};

/// LayerNorm over each head's queries and keys, where the config asks for it; else nothing.
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
  /// Keys and values of all rows so far; a row of x enters at its place.
  struct Cache {
    Tensor k, v;                  // [M, H, hd] float32
    std::vector<int64_t> places;  // [N]
  };
  /// residual + the attention's output. The layout's keys are the rows of x, or those of the cache, which the keys and
  /// values of x are written into first.
  Tensor plus(const Tensor& x, const AttentionLayout& layout, const Tensor& residual, Cache* cache = nullptr) const;

 private:
  Heads project(const Tensor& x) const;
};

/// Queries from y [N, D], keys and values from the context [M, D].
struct CrossAttention {
  Linear q, kv, proj;
  HeadNorms norms;
  std::shared_ptr<const ContextAttention> direct;  // in a model opened to answer, without biases and norms of keys
  int64_t heads = 1;
  CrossAttention() = default;
  /// context_norm: what keys() and shared contexts are normalised with.
  CrossAttention(const Scope& scope, const BlockConfig& c, const LayerNorm& context_norm);
  struct Keys {
    Tensor k, v;                                  // [M, H, hd]
    std::shared_ptr<const SharedContext> shared;  // instead, where few queries make them a waste
  };
  Keys keys(const Tensor& context) const;
  /// residual + the attention's output
  Tensor plus(const Tensor& y, const Keys& keys, const AttentionLayout& layout, const Tensor& residual) const;
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
/// last segment of `across` have no context: nothing is added to them.
struct DecoderBlock {
  LayerNorm norm1, query_norm, context_norm, norm2;
  SelfAttention self_attn;
  CrossAttention cross_attn;
  Mlp mlp;
  DecoderBlock() = default;
  DecoderBlock(const Scope& scope, const BlockConfig& c);
  CrossAttention::Keys keys(const Tensor& context) const { return cross_attn.keys(context_norm(context)); }
  /// True where queries of this layout rather ask a context that the layers share.
  bool asks(const AttentionLayout& across) const { return cross_attn.direct && cross_attn.direct->pays(across); }
  Tensor operator()(const Tensor& y, const CrossAttention::Keys& context, const AttentionLayout& within,
                    const AttentionLayout& across, SelfAttention::Cache* cache = nullptr) const;
};

}  // namespace fourm
