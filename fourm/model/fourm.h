// 4M: one encoder-decoder Transformer over all modalities (paper section 2, figure 2).
//
//   groups of tokens -> content + place -> encoder -> norm -> proj_context (+ place) = context
//   mask tokens or text + place -> decoder (self-attention by modality, cross-attention to the context) -> norm
//   rows of a modality -> its to_logits -> scores over its vocabulary
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fourm/model/config.h"
#include "fourm/model/embedding.h"

namespace fourm {

/// What the encoder made of a batch. Rows: per sample, its registers, then its tokens. [N, D] each.
struct Encoded {
  Tensor tokens, place;  ///< content and place as they entered
  Tensor out;            ///< after the last norm
  Tensor context;        ///< what the decoder attends to
  std::vector<int64_t> lengths;
};

/// The decoder's rows in packed order. [M, D] each.
struct Decoded {
  Tensor tokens, place, out;
};

struct Loss {
  Tensor total;
  struct Part {
    double loss = 0;  ///< mean cross-entropy in nats over the modality's slots; 0 without slots
    int64_t slots = 0;
  };
  std::map<std::string, Part> parts;
};

enum class LossKind {
  kModality,         ///< mean over all output modalities of the model, absent ones counting as 0 (the original)
  kModalityPresent,  ///< mean over those that have slots
  kToken,            ///< mean over all target tokens (paper Table 25, "per-token loss")
  kTokenByVocab,     ///< modalities weighted by target tokens x vocabulary size (the original's "token" loss)
};

class FourM {
 public:
  /// A folder with config.json and model.safetensors (and modalities.yaml for modalities of its own), the folder of a
  /// finished training run, or one safetensors file with its config in the header. `table` adds to what the folder says. With `pack_for` the model is
  /// made to answer fast, in that precision, and cannot be trained (nn/packed_linear.h).
  static FourM open(const fs::path& path, ModalityTable table = ModalityTable::official(),
                    std::optional<Precision> pack_for = {});
  /// New weights, drawn as the original's fourm/models/fm.py does; heads share the decoder's token embeddings
  /// (paper appendix C.1).
  static FourM fresh(const ModelConfig& config, const ModalityTable& table, uint64_t seed,
                     at::ScalarType dtype = at::kFloat);

  const ModelConfig& config() const { return config_; }
  const ModalityTable& table() const { return table_; }
  /// With the model's image and patch size filled in.
  Modality modality(const std::string& name) const;
  const std::map<std::string, EncoderEmbedding>& inputs() const { return inputs_; }
  const std::map<std::string, DecoderEmbedding>& outputs() const { return outputs_; }
  const EncoderEmbedding& input(const std::string& modality) const;   ///< Error when the model does not read it
  const DecoderEmbedding& output(const std::string& modality) const;  ///< Error when it does not write it
  Parameters& parameters() { return *parameters_; }
  const Parameters& parameters() const { return *parameters_; }

  Encoded encode(const EncoderBatch& batch) const;
  Decoded decode(const DecoderBatch& batch, const Encoded& encoded) const;
  /// Mask tokens or text, and place, in packed order.
  Decoded embed(const DecoderBatch& batch) const;
  Tensor logits(const std::string& modality, const Tensor& rows) const;  ///< [n, D] -> [n, V]

  /// The same weights in int8, which guess the texts that this model then judges (generate/sequence.h): of a model opened to
  /// answer in float32, else null. Opened when first asked for; thread-safe.
  const FourM* draft() const;
  /// What opens it; empty for none.
  void draft_by(std::function<FourM()> open);

  Loss loss(const Batch& batch, LossKind kind = LossKind::kModality) const;

  const std::vector<DecoderBlock>& decoder() const { return decoder_; }
  const LayerNorm& decoder_norm() const { return decoder_norm_; }

  /// config.json, model.safetensors and, for modalities beyond the official ones, modalities.yaml.
  void save(const fs::path& folder, at::ScalarType dtype = at::kFloat) const;

 private:
  FourM(ModelConfig config, ModalityTable table, ParameterSource& source, bool tie_heads);

  ModelConfig config_;
  ModalityTable table_;
  std::shared_ptr<Parameters> parameters_;
  std::map<std::string, EncoderEmbedding> inputs_;
  std::map<std::string, DecoderEmbedding> outputs_;
  std::vector<EncoderBlock> encoder_;
  std::vector<DecoderBlock> decoder_;
  LayerNorm encoder_norm_, decoder_norm_;
  Linear proj_context_;
  Tensor mask_token_, register_tokens_;
  struct Draft;
  std::shared_ptr<Draft> draft_;
};

}  // namespace fourm
