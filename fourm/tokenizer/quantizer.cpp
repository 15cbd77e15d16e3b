#include "fourm/tokenizer/quantizer.h"

#include <cmath>

#include "fourm/kernels/precision_scope.h"

namespace fourm {

LucidQuantizer::LucidQuantizer(const Scope& scope, const TokenizerConfig& c)
    : codebooks_(c.num_codebooks),
      width_(c.latent_dim),
      norm_latents_(c.norm_latents),
      commitment_(c.commitment_weight),
      codebook_(scope["_codebook"], c) {
  if (codebooks_ == 1) return;
  project_in_ = Linear(scope["project_in"], width_, codebooks_ * width_, true);
  project_out_ = Linear(scope["project_out"], codebooks_ * width_, width_, true);
}

Tensor LucidQuantizer::split_codebooks(const Tensor& latents) const {
  const Tensor z = codebooks_ > 1 ? project_in_(latents).to(at::kFloat).view({-1, width_}) : latents;
  return norm_latents_ ? unit_rows(z) : z;
}

Tensor LucidQuantizer::join_codebooks(const Tensor& vectors) const {
  if (codebooks_ == 1) return vectors;
  return as_type(project_out_(vectors.view({-1, codebooks_ * width_})), vectors.scalar_type());
}

Quantized LucidQuantizer::encode(const Tensor& latents) const {
  const Tensor z = split_codebooks(latents);
  const Tensor codes = codebook_.nearest(codebook_.comparable(z));
  return {join_codebooks(codebook_.rows(codes)), codes.view({-1, codebooks_}), at::zeros({1}, z.options())};
}

Quantized LucidQuantizer::train(const Tensor& latents, QuantizerDraws& draws) {
  const PrecisionScope exact(Precision::kF32,
                             latents.device());  // bfloat16 does not resolve the distances of near codes
  const Tensor z = split_codebooks(latents);
  Tensor codes, q;
  {
    const NoGradGuard no_grad;
    const Tensor x = codebook_.comparable(z.detach());
    codebook_.initialise(x, draws);
    codes = codebook_.nearest(x);
    q = codebook_.rows(codes);
    codebook_.collect(x, codes);
  }
  const Tensor loss = at::mse_loss(z, q) * commitment_;
  return {join_codebooks(z + (q - z.detach())), codes.view({-1, codebooks_}), loss.view({1})};
}

Tensor LucidQuantizer::decode(const Tensor& codes) const { return join_codebooks(codebook_.rows(codes.reshape({-1}))); }

MemoryCodes::MemoryCodes(const Scope& scope, const TokenizerConfig& c) : codebooks_(c.num_codebooks) {
  const int64_t d = c.latent_dim / codebooks_;
  codes_ = scope.parameter("codes", {codebooks_, c.codebook_size, d}, Init::normal(1));
  to_k_ = scope["to_k"].parameter("weight", {codebooks_, d, d}, Init::xavier(d, d));
  to_v_ = scope["to_v"].parameter("weight", {codebooks_, d, d}, Init::xavier(d, d));
}

Tensor MemoryCodes::logits(const Tensor& latents) const {
  const int64_t d = codes_.size(2);
  const Tensor query = latents.view({-1, codebooks_, d}).transpose(0, 1) / std::sqrt(static_cast<double>(d));
  return query.bmm(codes_.bmm(to_k_).transpose(1, 2));
}

Quantized MemoryCodes::encode(const Tensor& latents) const {
  const Tensor codes = logits(latents).argmax(2).t();
  return {decode(codes), codes, at::zeros({1}, latents.options())};
}

Quantized MemoryCodes::train(const Tensor& latents, QuantizerDraws& draws) {
  const PrecisionScope exact(Precision::kF32, latents.device());
  const Tensor score = logits(latents);
  const Tensor drawn = draws.uniform({score.size(1), score.size(0), score.size(2)}).transpose(0, 1);
  const Tensor gumbel = drawn.to(score.device()).log().neg().log().neg();
  const Tensor soft = (score + gumbel).softmax(2);
  const Tensor codes = soft.argmax(2, true);
  const Tensor hard = at::zeros_like(soft).scatter_(2, codes, 1) + (soft - soft.detach());
  const Tensor joined = hard.bmm(codes_.bmm(to_v_)).transpose(0, 1).flatten(1);
  return {joined, codes.squeeze(2).t(), at::zeros({1}, latents.options())};
}

Tensor MemoryCodes::decode(const Tensor& codes) const {
  const Tensor values = codes_.bmm(to_v_);  // [h, K, d/h]
  const Tensor index = codes.t().unsqueeze(2).expand({-1, -1, values.size(2)});
  return values.gather(1, index).transpose(0, 1).flatten(1);
}

std::unique_ptr<Quantizer> make_quantizer(const Scope& scope, const TokenizerConfig& config) {
  if (config.quant_type == "memcodes") return std::make_unique<MemoryCodes>(scope, config);
  return std::make_unique<LucidQuantizer>(scope, config);
}

}  // namespace fourm
