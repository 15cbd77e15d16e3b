#include "fourm/tokenizer/vit.h"

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/nn/position.h"

namespace fourm {
namespace {

TokenizerPreset vit_preset(const TokenizerConfig& config, const std::string& name) {
  TokenizerPreset preset = config.preset(name);
  check(preset.kind.starts_with("vit"), "'", name, "' names a ", preset.kind, ", expected a ViT");
  return preset;
}

}  // namespace

VitTrunk::VitTrunk(const Scope& scope, const TokenizerPreset& preset, int64_t grid, bool with_post_mlp)
    : width(preset.dim_tokens), has_post_mlp(with_post_mlp) {
  check(grid > 0, "image_size is smaller than the patch of a ViT tokenizer");
  const Tensor table = sincos_2d(grid, grid, width).t().reshape({1, width, grid, grid});
  pos_emb = scope.buffer("pos_emb", table.sizes(), Init::constant(table));
  const auto hidden = static_cast<int64_t>(std::llround(static_cast<double>(width) * preset.mlp_ratio));
  const BlockConfig block{.width = width,
                          .heads = preset.num_heads,
                          .mlp_hidden = hidden,
                          .qkv_bias = true,
                          .proj_bias = true,
                          .mlp_bias = true,
                          .norm_bias = true,
                          .gated_mlp = false,
                          .qk_norm = false,
                          .activation = Activation::kGelu};
  for (int64_t i = 0; i < preset.depth; ++i) blocks.emplace_back(scope["blocks"][i], block);
  if (!has_post_mlp) return;
  norm_mlp = LayerNorm(scope["norm_mlp"], width, true);
  post_mlp = Mlp(scope["post_mlp"], width, hidden, Activation::kTanh, false, true);
}

Tensor VitTrunk::operator()(const Tensor& rows, const TokenGrid& grid) const {
  Tensor table = pos_emb;
  if (table.size(2) != grid.h || table.size(3) != grid.w)
    table = at::upsample_bicubic2d(table, {grid.h, grid.w}, /*align_corners=*/false);
  table = table.flatten(2).squeeze(0).t();  // [h*w, D]
  Tensor x = (rows.view({grid.batch, -1, width}) + table).view({-1, width});
  const auto layout = AttentionLayout::within(std::vector<int64_t>(grid.batch, grid.h * grid.w));
  for (const auto& block : blocks) x = block(x, layout);
  return has_post_mlp ? x + post_mlp(norm_mlp(x)) : x;
}

VitEncoder::VitEncoder(const Scope& scope, const TokenizerConfig& config)
    : patch_(config.patch_proj ? config.patch_size : 1),
      trunk_(scope, vit_preset(config, config.enc_type), config.encoder_grid(), config.post_mlp),
      proj_(Linear::convolution(scope["proj"], {trunk_.width, config.n_channels, patch_, patch_})) {}

FeatureMap VitEncoder::operator()(const Tensor& x) const {
  check(x.dim() == 4 && x.size(1) == proj_.weight.size(1), "the tokenizer expects images of ", proj_.weight.size(1),
        " channels, got shape ", x.sizes());
  check(x.size(2) > 0 && x.size(3) > 0 && x.size(2) % patch_ == 0 && x.size(3) % patch_ == 0, "an image of ", x.size(2),
        " x ", x.size(3), " does not divide into patches of ", patch_, " pixels; resize or crop it");
  const TokenGrid grid{x.size(0), x.size(2) / patch_, x.size(3) / patch_};
  const Tensor patches = x.view({grid.batch, x.size(1), grid.h, patch_, grid.w, patch_})
                             .permute({0, 2, 4, 1, 3, 5})
                             .reshape({grid.rows(), -1});
  return {trunk_(proj_(patches), grid), grid};
}

ConvNextBlock::ConvNextBlock(const Scope& scope, int64_t channels)
    : dw_weight(scope["dwconv"].parameter("weight", {channels, 1, 7, 7}, Init::xavier(49, 49))),
      dw_bias(scope["dwconv"].parameter("bias", {channels}, Init::zeros())),
      gamma(scope.parameter("gamma", {channels}, Init::constant(at::full({channels}, 1e-6)))),
      norm(scope["norm"], channels, true),
      pwconv1(scope["pwconv1"], channels, 4 * channels, true),
      pwconv2(scope["pwconv2"], 4 * channels, channels, true) {}

Tensor ConvNextBlock::operator()(const Tensor& x) const {
  const Tensor h = at::conv2d(x, dw_weight, dw_bias, 1, 3, 1, x.size(1)).permute({0, 2, 3, 1});
  const Tensor rows = pwconv2(pwconv1(norm(h).view({-1, h.size(3)}), Activation::kGelu));
  return x + (gamma * rows).view(h.sizes()).permute({0, 3, 1, 2});
}

VitDecoder::VitDecoder(const Scope& scope, const TokenizerConfig& config)
    : patch_(config.patch_proj ? config.decoder_patch() : 1),
      channels_(config.output_channels()),
      trunk_(scope, vit_preset(config, config.dec_type), config.decoder_grid(), config.post_mlp),
      out_proj_(scope["out_proj"], trunk_.width, channels_ * patch_ * patch_, true) {
  for (int64_t i = 0; config.out_conv && i < 2; ++i) out_conv_.emplace_back(scope["out_conv"][i], channels_);
}

Tensor VitDecoder::operator()(const FeatureMap& features, const DecodeOptions&) const {
  const auto [batch, h, w] = features.grid;
  Tensor x =
      out_proj_(trunk_(features.rows, features.grid)).to(at::kFloat).view({batch, h, w, channels_, patch_, patch_});
  x = x.permute({0, 3, 1, 4, 2, 5}).reshape({batch, channels_, h * patch_, w * patch_});
  for (const auto& block : out_conv_) x = block(x);
  return x;
}

}  // namespace fourm
