#include "fourm/nn/layers.h"

#include <algorithm>

#include "fourm/core/error.h"

namespace fourm {
namespace {

Epilogue epilogue_of(Activation activation) {
  switch (activation) {
    case Activation::kGelu: return {Epilogue::kGelu, {}};
    case Activation::kSilu: return {Epilogue::kSilu, {}};
    case Activation::kTanh: return {Epilogue::kTanh, {}};
  }
  fail("[Activation] unknown activation");
}

}  // namespace

Linear::Linear(const Scope& scope, int64_t in, int64_t out, bool with_bias, int64_t blocks)
    : weight(scope.parameter("weight", {out, in}, Init::xavier(in, out / blocks))) {
  if (with_bias) bias = scope.parameter("bias", {out}, Init::zeros());
  multiply_ = scope.kernels()->linear({weight, bias});
}

Linear Linear::convolution(const Scope& scope, at::IntArrayRef shape, bool zero) {
  int64_t in = 1;
  for (const int64_t extent : shape.slice(1)) in *= extent;
  Linear linear;
  linear.weight = scope.parameter("weight", shape, zero ? Init::zeros() : Init::xavier(in, shape[0]));
  linear.bias = scope.parameter("bias", {shape[0]}, Init::zeros());
  linear.multiply_ = scope.kernels()->linear({linear.weight, linear.bias});
  return linear;
}

Tensor Linear::operator()(const Tensor& x, Activation activation) const {
  return (*multiply_)(x, epilogue_of(activation));
}

Tensor Linear::with_residual(const Tensor& x, const Tensor& residual) const {
  return (*multiply_)(x, {Epilogue::kResidual, residual});
}

EmbeddingTable::EmbeddingTable(const Scope& scope, int64_t count, int64_t width, const Init& init)
    : weight(scope.parameter("weight", {count, width}, init)), kernels_(scope.kernels()) {}

LayerNorm::LayerNorm(const Scope& scope, int64_t width, bool with_bias, double eps)
    : weight(scope.parameter("weight", {width}, Init::ones())),
      bias(with_bias ? scope.parameter("bias", {width}, Init::zeros())
                     : scope.buffer("bias", {width}, Init::constant(at::zeros({width})))),
      epsilon(eps),
      kernels_(scope.kernels()) {}

Mlp::Mlp(const Scope& scope, int64_t width, int64_t hidden, Activation act, bool gated, bool bias)
    : fc1(scope["fc1"], width, hidden, bias), fc2(scope["fc2"], hidden, width, bias), activation(act) {
  if (!gated) return;
  fc3 = Linear(scope["fc3"], width, hidden, bias);
  gate_ = scope.kernels()->gated_linear({fc1.weight, fc1.bias}, {fc3.weight, fc3.bias}, epilogue_of(act).kind);
}

Tensor Mlp::hidden(const Tensor& x) const { return gate_ ? (*gate_)(x) : fc1(x, activation); }

HeadNorms::HeadNorms(const Scope& scope, const BlockConfig& c) : used(c.qk_norm) {
  if (!used) return;
  q_norm = LayerNorm(scope["q_norm"], c.width / c.heads, c.norm_bias);
  k_norm = LayerNorm(scope["k_norm"], c.width / c.heads, c.norm_bias);
}

SelfAttention::SelfAttention(const Scope& scope, const BlockConfig& c)
    : qkv(scope["qkv"], c.width, 3 * c.width, c.qkv_bias, 3),
      proj(scope["proj"], c.width, c.width, c.proj_bias),
      norms(scope, c),
      heads(c.heads),
      kernels_(scope.kernels()) {}

SelfAttention::Heads SelfAttention::project(const Tensor& x) const {
  const auto parts = qkv(x).view({x.size(0), 3, heads, x.size(1) / heads}).unbind(1);  // three of [N, H, hd]
  return {norms.query(parts[0]), norms.key(parts[1]), parts[2]};
}

Tensor SelfAttention::with_residual(const Tensor& x, const AttentionLayout& layout, const Tensor& residual,
                                    Cache* cache) const {
  Heads h = project(x);
  if (cache) {
    kernels_->write_rows(h.k, cache->places, cache->k);
    kernels_->write_rows(h.v, cache->places, cache->v);
    h.k = cache->k;
    h.v = cache->v;
  }
  return proj.with_residual(kernels_->attention(h.q, h.k, h.v, layout).flatten(1), residual);
}

CrossAttention::CrossAttention(const Scope& scope, const BlockConfig& c, const LayerNorm& context_norm)
    : q(scope["q"], c.width, c.width, c.qkv_bias),
      kv(scope["kv"], c.width, 2 * c.width, c.qkv_bias, 2),
      proj(scope["proj"], c.width, c.width, c.proj_bias),
      norms(scope, c),
      heads(c.heads),
      kernels_(scope.kernels()) {
  if (!c.qkv_bias && !c.qk_norm)
    context_attention_ = kernels_->context_attention(kv.weight, context_norm.weight, context_norm.bias, heads);
}

CrossAttention::Keys CrossAttention::keys(const Tensor& context) const {
  const auto parts =
      kv(context).view({context.size(0), 2, heads, context.size(1) / heads}).unbind(1);  // two of [N, H, hd]
  return {norms.key(parts[0]), parts[1], {}};
}

Tensor CrossAttention::with_residual(const Tensor& y, const Keys& keys, const AttentionLayout& layout,
                                     const Tensor& residual) const {
  const Tensor queries = norms.query(q(y).view({y.size(0), heads, y.size(1) / heads}));
  const Tensor out = keys.prepared ? (*context_attention_)(queries, *keys.prepared)
                                   : kernels_->attention(queries, keys.k, keys.v, layout).flatten(1);
  return proj.with_residual(out, residual);
}

EncoderBlock::EncoderBlock(const Scope& scope, const BlockConfig& c)
    : norm1(scope["norm1"], c.width, c.norm_bias),
      norm2(scope["norm2"], c.width, c.norm_bias),
      attn(scope["attn"], c),
      mlp(scope["mlp"], c.width, c.mlp_hidden, c.activation, c.gated_mlp, c.mlp_bias) {}

Tensor EncoderBlock::operator()(const Tensor& x, const AttentionLayout& layout) const {
  const Tensor h = attn.with_residual(norm1(x), layout, x);
  return mlp.with_residual(norm2(h), h);
}

DecoderBlock::DecoderBlock(const Scope& scope, const BlockConfig& c)
    : norm1(scope["norm1"], c.width, c.norm_bias),
      query_norm(scope["query_norm"], c.width, c.norm_bias),
      context_norm(scope["context_norm"], c.width, c.norm_bias),
      norm2(scope["norm2"], c.width, c.norm_bias),
      self_attn(scope["self_attn"], c),
      cross_attn(scope["cross_attn"], c, context_norm),
      mlp(scope["mlp"], c.width, c.mlp_hidden, c.activation, c.gated_mlp, c.mlp_bias) {}

Tensor DecoderBlock::operator()(const Tensor& y, const CrossAttention::Keys& context, const AttentionLayout& within,
                                const AttentionLayout& across, SelfAttention::Cache* cache) const {
  Tensor h = self_attn.with_residual(norm1(y), within, y, cache);
  const int64_t seeing = across.segments.empty() ? 0 : across.segments.back().q_end;
  if (seeing == h.size(0)) {
    h = cross_attn.with_residual(query_norm(h), context, across, h);
  } else if (seeing > 0) {
    const Tensor part = h.slice(0, 0, seeing);
    h = at::cat({cross_attn.with_residual(query_norm(part), context, across, part), h.slice(0, seeing)});
  }
  return mlp.with_residual(norm2(h), h);
}

}  // namespace fourm
