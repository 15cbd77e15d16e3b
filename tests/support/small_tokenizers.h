// Small tokenizers of an image and of a vector, for fresh weights.
#pragma once

#include "fourm/tokenizer/image_tokenizer.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm::test {

/// 32 pixels, patches of 8: 16 tokens.
inline TokenizerConfig small_image_tokenizer() {
  TokenizerConfig c;
  c.image_size = 32;
  c.patch_size = 8;
  c.codebook_size = 16;
  c.latent_dim = 8;
  c.enc_type = "small_enc";
  c.dec_type = "small_dec";
  c.presets["small_enc"] = {.kind = "vit_encoder", .dim_tokens = 16, .depth = 1, .num_heads = 2};
  c.presets["small_dec"] = {.kind = "vit_decoder", .dim_tokens = 16, .depth = 1, .num_heads = 2};
  return c;
}

/// 32 pixels, patches of 8: 16 tokens, which a small UNet decodes.
inline TokenizerConfig small_diffusion_tokenizer() {
  TokenizerConfig c;
  c.image_size = 32;
  c.patch_size = 8;
  c.codebook_size = 32;
  c.latent_dim = 8;
  c.enc_type = "small_enc";
  c.dec_type = "unet_small";
  c.beta_schedule = "linear";
  c.prediction_type = "sample";
  c.presets["small_enc"] = {.kind = "vit_encoder", .dim_tokens = 32, .depth = 1, .num_heads = 2};
  TokenizerPreset& unet = c.presets["unet_small"];
  unet.kind = "unet_patched";
  unet.patch_size = 4, unet.model_channels = 64, unet.num_res_blocks = 1;
  unet.channel_mult = {1, 1}, unet.attention_resolutions = {2};
  return c;
}

/// A vector of 6 numbers in `codebooks` codebooks, one token each, as the official tokenizers of global features.
inline TokenizerConfig small_vector_tokenizer(int64_t codebooks = 16) {
  TokenizerConfig c;
  c.image_size = 32;
  c.patch_size = 8;
  c.n_channels = 6;
  c.patch_proj = false;
  c.enc_type = c.dec_type = "BottleneckMLP/B_1-Wi_16";
  c.quant_type = "memcodes";
  c.codebook_size = 16;
  c.num_codebooks = codebooks;
  c.latent_dim = 4 * codebooks;
  return c;
}

}  // namespace fourm::test
