// The decoder of 4M (paper section 2.2, "Multimodal decoder"; figure 2).
//
//   mask tokens or sequence tokens + (position + modality embedding) -> blocks (self-attention within a modality,
//   cross-attention to the context) -> norm -> output head of each modality -> logits over its vocabulary
//
// The context is a projection of the encoder's output, to which the position and modality embeddings of the input tokens
// are added again (paper appendix C.1). Tensor names are those of the original: decoder_embeddings.*,
// decoder_proj_context.*, decoder.*, decoder_norm.*, mask_token.
#pragma once

#include "fourm/model/encoder.h"

namespace fourm {

/// The decoder's rows in packed order. [M, D] each.
struct Decoded {
  Tensor tokens;     ///< mask tokens or token embeddings
  Tensor positions;  ///< position + modality embeddings
  Tensor out;        ///< output of the last norm
};

class Decoder {
 public:
  Decoder() = default;
  /// `root` is the scope of the whole model. `tie_heads`: an output head is the token embedding of its modality, also
  /// where the source has both (paper appendix C.1; share_embedding in the original's fourm/models/decoder_embeddings.py).
  Decoder(const Scope& root, const ModelConfig& config, const ModalityTable& table, bool tie_heads);

  /// By modality.
  const std::map<std::string, DecoderEmbedding>& embeddings() const { return embeddings_; }
  const DecoderEmbedding& embedding(
      const std::string& modality) const;       ///< Error when the decoder does not generate it
  std::vector<std::string> modalities() const;  ///< names, sorted

  Tensor context(const Encoded& encoded) const;               ///< [N, D] the input of cross-attention
  void checkpoint_activations(bool on) { checkpoint_ = on; }  ///< FourM::checkpoint_activations

  /// The batch with the layout of attention to a context of so many rows per sample.
  DecoderBatch prepare(DecoderBatch batch, const std::vector<int64_t>& context_lengths) const;
  /// A batch that is not prepared is prepared and copied to the model's device.
  Decoded operator()(const DecoderBatch& batch, const Encoded& encoded) const;
  Tensor logits(const std::string& modality, const Tensor& out) const;  ///< [n, D] -> [n, V]

  // The parts, for decoding with caches (generate/logits.cpp).
  const std::vector<DecoderBlock>& blocks() const { return blocks_; }
  const LayerNorm& norm() const { return norm_; }

 private:
  Decoded embed(const DecoderBatch& batch) const;

  std::shared_ptr<const Kernels> kernels_;
  std::map<std::string, DecoderEmbedding> embeddings_;
  Linear proj_context_;
  std::vector<DecoderBlock> blocks_;
  LayerNorm norm_;
  Tensor mask_token_;  // [1, 1, D]
  bool checkpoint_ = false;
};

}  // namespace fourm
