// How a modality enters the encoder and the decoder, and leaves it (paper section 2.2, appendix C.1). Content and
// place (position + modality embedding) stay apart, since the decoder's context adds the place a second time.
#pragma once

#include "fourm/modality/modality.h"
#include "fourm/model/batch.h"
#include "fourm/nn/layers.h"

namespace fourm {

/// pixels: patches [n, 3 p p] -> proj; embeddings: vectors -> emb_proj; ids -> token_emb. Each to [n, D].
struct EncoderEmbedding {
  Modality modality;
  EmbeddingTable token_emb;  // [V, D]
  Tensor pos_emb, mod_emb;   // [1, L, D], [1, 1, D]
  Linear proj;
  EncoderEmbedding() = default;
  EncoderEmbedding(const Scope& scope, const Modality& m, int64_t dim);
  Tensor content(const Tensor& values) const;
  Tensor place(const Tensor& positions) const;
};

/// Grid slots read the model's mask token, sequence slots their own token; to_logits [V, D] predicts.
struct DecoderEmbedding {
  Modality modality;
  EmbeddingTable token_emb;
  Tensor pos_emb, mod_emb;
  Linear to_logits;
  DecoderEmbedding() = default;
  DecoderEmbedding(const Scope& scope, const Modality& m, int64_t dim);
  Tensor content(const Tensor& ids) const;
  /// Sequence positions at or beyond the modality's max_length become 0, as in the original.
  Tensor place(const Tensor& positions) const;
};

}  // namespace fourm
