#include "fourm/model/embedding.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/nn/position.h"

namespace fourm {
namespace {

constexpr int64_t kSequenceRows = 512;  // least rows of a stored sequence position table, whatever its max_length
constexpr double kEmbeddingDeviation = 0.02;

Tensor position_table(const Scope& scope, const Modality& m, int64_t dim) {
  const int64_t n = position_count(m);
  if (m.positions == PositionKind::kLearned)
    return scope.parameter("pos_emb", {1, n, dim}, Init::normal(kEmbeddingDeviation));
  if (m.positions == PositionKind::kSinCos1d)
    return scope.buffer("pos_emb", {1, n, dim}, Init::constant(sincos_1d(n, dim)));
  return scope.buffer("pos_emb", {1, n, dim}, Init::constant(sincos_2d(m.grid(), m.grid(), dim)));
}

Tensor modality_row(const Scope& scope, int64_t dim) {
  return scope.parameter("mod_emb", {1, 1, dim}, Init::normal(kEmbeddingDeviation));
}

}  // namespace

bool has_token_ids(const Modality& m) { return m.kind == ModalityKind::kTokens || m.kind == ModalityKind::kSequence; }

int64_t position_count(const Modality& m) {
  return m.is_sequence() ? std::max(kSequenceRows, m.max_tokens) : m.max_tokens;
}

EncoderEmbedding::EncoderEmbedding(const Scope& scope, const Modality& m, int64_t dim)
    : modality(m), pos_emb(position_table(scope, m, dim)), mod_emb(modality_row(scope, dim)) {
  if (m.kind == ModalityKind::kPixels)
    proj = Linear(scope["proj"], m.patch_numbers(), dim, false);
  else if (m.kind == ModalityKind::kEmbeddings)
    proj = Linear(scope["emb_proj"], m.width, dim, true);
  else
    token_emb = EmbeddingTable(scope["token_emb"], m.vocab_size, dim, Init::normal(kEmbeddingDeviation));
}

Tensor EncoderEmbedding::tokens(const Tensor& content) const {
  if (token_emb.weight.defined()) return token_emb(content).to(mod_emb.scalar_type());
  check(content.size(1) == proj.weight.size(1), "modality '", modality.name, "': rows of ", content.size(1),
        " numbers, expected ", proj.weight.size(1));
  return proj(content.to(mod_emb.scalar_type()));
}

Tensor EncoderEmbedding::positions(const Tensor& positions) const {
  return pos_emb[0].index_select(0, positions) + mod_emb[0];
}

DecoderEmbedding::DecoderEmbedding(const Scope& scope, const Modality& m, int64_t dim)
    : modality(m), pos_emb(position_table(scope, m, dim)), mod_emb(modality_row(scope, dim)) {
  to_logits = Linear(scope["to_logits"], dim, m.vocab_size, false);
  // The input of grids is the mask token: their table is kept only to be saved again.
  if (m.kind == ModalityKind::kSequence || scope.source_has("token_emb.weight"))
    token_emb = EmbeddingTable(scope["token_emb"], m.vocab_size, dim, Init::normal(kEmbeddingDeviation));
}

Tensor DecoderEmbedding::tokens(const Tensor& ids) const { return token_emb(ids).to(mod_emb.scalar_type()); }

Tensor DecoderEmbedding::positions(const Tensor& positions) const {
  const Tensor known = modality.is_sequence() ? positions * (positions < modality.max_length) : positions;
  return pos_emb[0].index_select(0, known) + mod_emb[0];
}

Tensor concatenated(const std::vector<Tensor>& groups) { return groups.size() == 1 ? groups.front() : at::cat(groups); }

}  // namespace fourm
