// The configuration of a tokenizer: the flat constructor arguments stored in `config.json` beside the weights, or in the
// header of a single .safetensors file (docs/tokenizers.md; paper appendix B.3, Table 3).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/io/safetensors.h"
#include "fourm/modality/transform.h"

namespace fourm {

/// Sizes of a named encoder or decoder. `kind`: vit_encoder, vit_decoder or unet_patched.
struct TokenizerPreset {
  std::string kind;
  int64_t dim_tokens = 0, depth = 0, num_heads = 0;
  double mlp_ratio = 4;
  int64_t patch_size = 4, model_channels = 256, num_res_blocks = 3;
  std::vector<int64_t> attention_resolutions{4, 8}, channel_mult{1, 2, 2, 2};

  template <class V>
  void fields(V& v) {
    v("kind", kind, "architecture", OneOf{{"vit_encoder", "vit_decoder", "unet_patched"}});
    if (v.applies(!kind.starts_with("unet"))) {
      v("dim_tokens", dim_tokens, "ViT: width", Range{4, 1 << 14});
      v("depth", depth, "ViT: blocks", Range{0, 1000});
      v("num_heads", num_heads, "ViT: heads", Range{1, 1 << 14});
      v("mlp_ratio", mlp_ratio, "ViT: hidden width over width", Range{1e-3, 64});
    }
    if (v.applies(!kind.starts_with("vit"))) {
      v("patch_size", patch_size, "UNet: pixels folded into channels, per side", Range{1, 1 << 8});
      v("model_channels", model_channels, "UNet: base width, a multiple of 32", Range{32, 1 << 14});
      v("num_res_blocks", num_res_blocks, "UNet: residual blocks per level", Range{1, 100});
      v("attention_resolutions", attention_resolutions, "UNet: downsampling factors with attention");
      v("channel_mult", channel_mult, "UNet: width of each level over the base width", Range{1, 64});
    }
  }
};

/// Whether the name is of a diffusion decoder: unet_... or uvit_...
bool is_diffusion(const std::string& dec_type);

enum class TokenizerClass { kVq, kVqVae, kDiVae };  ///< no decoder; deterministic decoder; diffusion decoder

struct TokenizerConfig {
  bool has_decoder = true;  ///< false: tokens cannot be decoded; known from the weights, not a key
  /// Part of a recipe; not a key. threshold_ema_dead_code then follows from the recipe's dead_code_coef and is no key.
  bool is_recipe = false;
  static TokenizerConfig of_recipe() {
    TokenizerConfig config;
    config.is_recipe = true;
    return config;
  }
  int64_t image_size = 224;
  std::optional<int64_t> image_size_enc, image_size_dec, patch_size_dec, n_labels;
  int64_t n_channels = 3, patch_size = 16;
  std::string enc_type = "vit_b_enc", dec_type;
  bool patch_proj = true, post_mlp = false, out_conv = false, undo_std = false;
  std::string quant_type = "lucid";
  int64_t codebook_size = 16384, num_codebooks = 1, latent_dim = 32;
  bool norm_codes = true, norm_latents = false, kmeans_init = false;
  double ema_decay = 0.99, threshold_ema_dead_code = 0.25, commitment_weight = 1;
  std::string code_replacement_policy = "batch_random";
  int64_t num_train_timesteps = 1000;
  double cls_free_guidance_dropout = 0;
  bool masked_cfg = false;
  int64_t masked_cfg_low = 0;
  std::optional<int64_t> masked_cfg_high;
  std::string beta_schedule = "squaredcos_cap_v2", prediction_type = "v_prediction";
  bool clip_sample = false, thresholding = true, zero_terminal_snr = true;
  std::map<std::string, TokenizerPreset> presets;
  std::optional<InputConfig> input;

  TokenizerClass kind() const {
    if (!has_decoder) return TokenizerClass::kVq;
    return is_diffusion(dec_type) ? TokenizerClass::kDiVae : TokenizerClass::kVqVae;
  }

  /// The keys of the class kind().
  template <class V>
  void fields(V& v) {
    v("image_size", image_size, "image size of the position tables, in pixels per side", Range{1, 1 << 16});
    v("image_size_enc", image_size_enc,
      "image size of the encoder's position table, in pixels per side; default: image_size", Range{1, 1 << 16});
    v("n_channels", n_channels, "input channels; with n_labels the width of the class embedding", Range{1, 1 << 16});
    v("n_labels", n_labels, "number of classes when the input is a label map", Range{1, 1 << 16});
    v("enc_type", enc_type, "a ViT preset (vit_b_enc, ...) or an MLP such as BottleneckMLP/B_6-Wi_1024");
    v("patch_proj", patch_proj, "false: the input is a feature map of one vector per token");
    v("post_mlp", post_mlp, "a tanh MLP after the blocks");
    v("patch_size", patch_size, "pixels per token, per side", Range{1, 1 << 10});
    v("quant_type", quant_type, "lucid: codebook of running averages; memcodes: learned codes",
      OneOf{{"lucid", "memcodes"}});
    v("codebook_size", codebook_size, "number of codes", Range{1, 1 << 24});
    v("num_codebooks", num_codebooks, "tokens per position", Range{1, 1 << 10});
    v("latent_dim", latent_dim, "width of the quantised vectors", Range{1, 1 << 14});
    v("norm_codes", norm_codes, "compare by cosine similarity instead of distance");
    v("norm_latents", norm_latents, "scale latents to unit length first");
    v("ema_decay", ema_decay, "decay of the codebook's running averages", Range{0, 1});
    if (!is_recipe)
      v("threshold_ema_dead_code", threshold_ema_dead_code,
        "codes used less than this in a step's batch are restarted; 0: never");
    v("code_replacement_policy", code_replacement_policy, "how unused codes are restarted",
      OneOf{{"batch_random", "linde_buzo_gray"}});
    v("commitment_weight", commitment_weight, "weight of the commitment loss");
    v("kmeans_init", kmeans_init, "initialise the codebook by k-means on the first micro-batch");
    v("undo_std", undo_std, "the input is standardised by ImageNet's mean and deviation: undo it");
    if (v.applies(has_decoder)) {
      v("dec_type", dec_type, "decoder: a ViT preset, an MLP, or unet_patched (diffusion)");
      v("image_size_dec", image_size_dec, "image size of the decoder's position table, in pixels per side",
        Range{1, 1 << 16});
    }
    if (v.applies(kind() == TokenizerClass::kVqVae)) {
      v("patch_size_dec", patch_size_dec, "pixels per token in the output, per side", Range{1, 1 << 10});
      v("out_conv", out_conv, "two ConvNeXt blocks on the output image");
    }
    if (v.applies(kind() == TokenizerClass::kDiVae)) {
      v("num_train_timesteps", num_train_timesteps, "number of diffusion time steps in training", Range{1, 1 << 20});
      v("cls_free_guidance_dropout", cls_free_guidance_dropout,
        "probability of dropping the condition in training (classifier-free guidance)", Range{0, 1});
      v("masked_cfg", masked_cfg, "drop only a part of the condition");
      v("masked_cfg_low", masked_cfg_low, "minimum number of tokens kept then", at_least(0));
      v("masked_cfg_high", masked_cfg_high, "maximum number of tokens kept then (0: none); unset: all");
      v("beta_schedule", beta_schedule, "linear, scaled_linear, squaredcos_cap_v2, sigmoid or shifted_cosine:S");
      v("prediction_type", prediction_type, "what the decoder predicts",
        OneOf{{"sample", "epsilon", "v_prediction", "v_prediction-epsilon_loss"}});
      v("clip_sample", clip_sample, "clamp the predicted image to [-1, 1]");
      v("thresholding", thresholding, "dynamic thresholding of the predicted image (in effect a clamp to [-1, 1])");
      v("zero_terminal_snr", zero_terminal_snr, "zero terminal SNR: the last time step is pure noise");
    }
    v("presets", presets, "sizes of encoders and decoders with names of their own");
    v("input", input, "preparation of images for the encoder; not in official files");
  }

  /// Drops keys of the original that have no meaning here (core/config.h).
  static void migrate(YAML::Node& node, const std::string& origin);
  /// The preparation of images: `input`, which official files lack; else that of an official tokenizer of the kind in
  /// `name` (a modality, a published folder, a kind: kind_in_name); else the kind that fits the channels and labels, with
  /// a warning where several do. Error when the kind in the name has other channels.
  InputConfig image_input(const std::string& name = "") const;
  /// The kinds that the channels and labels fit, the most common first.
  std::vector<std::string> possible_kinds() const;
  /// How the official tokenizers of a kind (InputConfig::kind) prepare their input.
  InputConfig official_input(const std::string& what) const;
  int64_t encoder_grid() const { return image_size_enc.value_or(image_size) / patch_size; }  ///< tokens per side
  int64_t decoder_patch() const { return patch_size_dec.value_or(patch_size); }
  int64_t decoder_grid() const { return image_size_dec.value_or(image_size) / decoder_patch(); }
  int64_t output_channels() const { return n_labels.value_or(n_channels); }
  /// The preset of a name: from `presets`, else official (vit_s, vit_b, vit_l, unet_patched). Error on another name.
  TokenizerPreset preset(const std::string& name) const;
  /// Error naming `origin` and the key for invalid values.
  void validate(const std::string& origin) const;
};

/// The files of a tokenizer: a folder (config.json + weights), one .safetensors file with its config inside, or a .pth
/// checkpoint of the original's training.
struct TokenizerFiles {
  TokenizerConfig config;
  SafetensorsFile weights;
  static TokenizerFiles open(const fs::path& path);
};

/// The flat object of config.json. Missing keys have their defaults, unknown ones are ignored; `kind` is not changed.
TokenizerConfig tokenizer_config(const YAML::Node& node, const std::string& origin);
/// Every key as a text value in Python's spelling, for the header of a single file.
std::map<std::string, std::string> to_metadata(const TokenizerConfig& config);

/// Sizes in a name such as BottleneckMLP/B_6-Wi_1024-E_4; nothing when the name is not of an MLP.
struct MlpSizes {
  bool bottleneck;
  int64_t layers, width, expansion;
};
std::optional<MlpSizes> mlp_sizes(const std::string& name);

}  // namespace fourm
