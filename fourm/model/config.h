// The configuration of a 4M model, as in the official config.json (flat keys), and of its encoder alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/core/file.h"
#include "fourm/io/safetensors.h"
#include "fourm/modality/modality.h"

namespace fourm {

struct EncoderConfig {
  std::vector<std::string> domains_in;
  int64_t image_size = 224, patch_size = 16;
  int64_t dim = 768, encoder_depth = 12, num_heads = 12;
  double mlp_ratio = 4;
  std::string act_layer = "SiLU";
  bool norm_bias = false, qkv_bias = true, proj_bias = true, mlp_bias = true;
  bool gated_mlp = false, qk_norm = false;
  int64_t num_register_tokens = 0;

  template <class Visitor>
  void fields(Visitor& v) {
    v("domains_in", domains_in, "input modalities of the encoder");
    v("image_size", image_size, "pixels per side, for modalities without a size of their own", Range{1, 1 << 14});
    v("patch_size", patch_size, "pixels per side of a patch, for the same modalities", Range{1, 1 << 10});
    v("dim", dim, "width D", Range{1, 1 << 16});
    v("encoder_depth", encoder_depth, "encoder blocks", Range{0, 1000});
    v("num_heads", num_heads, "attention heads H", Range{1, 1 << 10});
    v("mlp_ratio", mlp_ratio, "hidden width of the MLP over D; two thirds of it when gated", Range{1e-3, 64});
    v("act_layer", act_layer, "activation of the MLP", OneOf{{"SiLU", "GELU"}});
    v("norm_bias", norm_bias, "learned bias in LayerNorm");
    v("qkv_bias", qkv_bias, "bias in query, key and value projections");
    v("proj_bias", proj_bias, "bias in attention output projections");
    v("mlp_bias", mlp_bias, "bias in the MLP");
    v("gated_mlp", gated_mlp, "gated MLP (SwiGLU with SiLU)");
    v("qk_norm", qk_norm, "LayerNorm on queries and keys of each head");
    v("num_register_tokens", num_register_tokens, "learned tokens before the encoder's", Range{0, 1 << 12});
  }

  int64_t mlp_hidden() const;
  /// A row of the table with the model's image and patch size filled in. Error on an unknown name.
  Modality modality(const std::string& name, const ModalityTable& table) const {
    return table.at(name, image_size, patch_size);
  }
  /// Error on invalid values (heads do not divide D, a depth is negative, ...).
  void validate(const std::string& origin) const;
};

struct ModelConfig : EncoderConfig {
  std::vector<std::string> domains_out;
  int64_t decoder_depth = 12;
  bool decoder_causal_mask = false, decoder_sep_mask = true;
  bool share_modality_embeddings = true;

  template <class Visitor>
  void fields(Visitor& v) {
    EncoderConfig::fields(v);
    v("domains_out", domains_out, "output modalities of the decoder");
    v("decoder_depth", decoder_depth, "decoder blocks", Range{0, 1000});
    v("decoder_causal_mask", decoder_causal_mask, "decoder tokens attend to earlier ones only");
    v("decoder_sep_mask", decoder_sep_mask, "decoder tokens attend to their own modality only");
    v("share_modality_embeddings", share_modality_embeddings, "one modality embedding for encoder and decoder");
  }

  /// The modalities of the decoder whose modality embeddings the encoder shares.
  std::vector<std::string> shared_embeddings() const;
  void validate(const std::string& origin) const;
};

/// From config.json; one warning names the keys that are not used.
ModelConfig read_model_config(const fs::path& json);
/// From a single file's header, where every value is text in YAML form, or from the tensors of a training checkpoint.
ModelConfig read_model_config(const SafetensorsFile& file);
/// True when the file holds its config.
bool has_model_config(const SafetensorsFile& file);
void write_model_config(const fs::path& json, const ModelConfig& config);

}  // namespace fourm
