// The encoder of 4M (paper section 2.2, "Multimodal encoder"; figure 2). It has no part of the decoder and can be loaded
// alone, for features and transfers (model/model_file.h).
//
//   tokens of each modality -> token embedding + (position + modality embedding) -> blocks -> norm
//
// Tensor names are those of the original: encoder_embeddings.*, encoder.*, encoder_norm.*, register_tokens.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fourm/model/batch.h"
#include "fourm/model/config.h"
#include "fourm/model/embedding.h"

namespace fourm {

/// The encoded batch. Rows per sample: its register tokens, then its tokens. [N, D] each.
struct Encoded {
  Tensor tokens;                 ///< token embeddings
  Tensor positions;              ///< position + modality embeddings; zero for register tokens
  Tensor out;                    ///< output of the last norm
  std::vector<int64_t> lengths;  ///< [B] rows per sample
};

/// The options of the blocks, which are the same in the encoder and the decoder.
BlockConfig block_config(const EncoderConfig& config);

class Encoder {
 public:
  Encoder() = default;
  /// `root` is the scope of the whole model. The modality embeddings of `shared` (ModelConfig::shared_embeddings) are stored under
  /// the names that they have in the decoder.
  Encoder(const Scope& root, const EncoderConfig& config, const ModalityTable& table,
          const std::vector<std::string>& shared);

  /// By modality.
  const std::map<std::string, EncoderEmbedding>& embeddings() const { return embeddings_; }
  const EncoderEmbedding& embedding(const std::string& modality) const;  ///< Error when the encoder does not read it
  std::vector<std::string> modalities() const;                           ///< names, sorted
  int64_t width() const { return norm_.weight.size(0); }                 ///< D
  int64_t register_tokens() const { return register_tokens_.defined() ? register_tokens_.size(1) : 0; }

  void checkpoint_activations(bool on) { checkpoint_ = on; }  ///< FourM::checkpoint_activations

  /// The batch with the rows of the register tokens and the layout of attention.
  EncoderBatch prepare(EncoderBatch batch) const;
  /// A batch that is not prepared is prepared and copied to the model's device.
  Encoded operator()(const EncoderBatch& batch) const;

 private:
  std::shared_ptr<const Kernels> kernels_;
  std::map<std::string, EncoderEmbedding> embeddings_;
  Tensor register_tokens_;  // [1, R, D]; undefined when there are none
  std::vector<EncoderBlock> blocks_;
  LayerNorm norm_;
  bool checkpoint_ = false;
};

}  // namespace fourm
