// The embeddings of a modality in the encoder and the decoder, and its output head (paper section 2.2, appendix C.1). Token
// embeddings and position embeddings are separate, since the context of the decoder adds the position embeddings a second time.
#pragma once

#include "fourm/modality/modality.h"
#include "fourm/nn/layers.h"

namespace fourm {

/// Whether a modality has token ids, which the decoder can predict.
bool has_token_ids(const Modality& modality);

/// Rows of a modality's position table: its largest position, plus 1.
int64_t position_count(const Modality& modality);

/// pixels: patches [n, p p C] -> proj; embeddings: vectors -> emb_proj; ids -> token_emb. Each to [n, D].
struct EncoderEmbedding {
  Modality modality;
  EmbeddingTable token_emb;  // [V, D]
  Tensor pos_emb, mod_emb;   // [1, L, D], [1, 1, D]
  Linear proj;
  EncoderEmbedding() = default;
  EncoderEmbedding(const Scope& scope, const Modality& m, int64_t dim);
  Tensor tokens(const Tensor& content) const;
  Tensor positions(const Tensor& positions) const;  ///< position + modality embedding, [n] -> [n, D]
};

/// The input of a grid slot is the mask token of the decoder, that of a sequence slot is its token. `to_logits` [V, D] is
/// the output head.
struct DecoderEmbedding {
  Modality modality;
  EmbeddingTable token_emb;
  Tensor pos_emb, mod_emb;
  Linear to_logits;
  DecoderEmbedding() = default;
  DecoderEmbedding(const Scope& scope, const Modality& m, int64_t dim);
  Tensor tokens(const Tensor& ids) const;  ///< of a sequence
  /// Position + modality embedding. Sequence positions at or beyond the modality's max_length become 0, as in the
  /// original (fourm/models/decoder_embeddings.py, SequenceDecoderEmbedding).
  Tensor positions(const Tensor& positions) const;
};

/// The rows of all groups. A single group is not copied.
Tensor concatenated(const std::vector<Tensor>& groups);

}  // namespace fourm
