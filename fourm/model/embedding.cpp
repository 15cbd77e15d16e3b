#include "fourm/model/embedding.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/nn/position.h"

namespace fourm {
namespace {

constexpr int64_t kSequenceRows = 512;  // least rows of a stored sequence position table, whatever its max_length
constexpr double kEmbeddingDeviation = 0.02;

Tensor position_table(const Scope& scope, const Modality& m, int64_t dim) {
  const int64_t n = m.is_sequence() ? std::max(kSequenceRows, m.max_tokens) : m.max_tokens;
  if (m.positions == PositionKind::kLearned)
    return scope.parameter("pos_emb", {1, n, dim}, Init::normal(kEmbeddingDeviation));
  if (m.positions == PositionKind::kSinCos1d)
    return scope.buffer("pos_emb", {1, n, dim}, Init::constant(sincos_1d(n, dim)));
  return scope.buffer("pos_emb", {1, n, dim}, Init::constant(sincos_2d(m.grid(), m.grid(), dim)));
}

Tensor modality_row(const Scope& scope, int64_t dim) {
  return scope.parameter("mod_emb", {1, 1, dim}, Init::normal(kEmbeddingDeviation));
}

void check_ids(const Tensor& ids, const Modality& m) {
  if (ids.numel() == 0) return;
  const int64_t low = ids.min().item<int64_t>(), high = ids.max().item<int64_t>();
  check(low >= 0 && high < m.vocab_size, "modality '", m.name, "': token ", low < 0 ? low : high,
        " is outside its vocabulary of ", m.vocab_size);
}

Tensor rows_of(const Tensor& table, const Tensor& positions, const Modality& m) {
  if (positions.numel() > 0) {
    const int64_t high = positions.max().item<int64_t>();
    check(high < table.size(1), "modality '", m.name, "': position ", high, " is beyond the ", table.size(1),
          " that the model knows; use fewer tokens");
  }
  return table[0].index_select(0, positions);
}

}  // namespace

EncoderEmbedding::EncoderEmbedding(const Scope& scope, const Modality& m, int64_t dim)
    : modality(m), pos_emb(position_table(scope, m, dim)), mod_emb(modality_row(scope, dim)) {
  if (m.kind == ModalityKind::kPixels)
    proj = Linear(scope["proj"], m.patch_numbers(), dim, false);
  else if (m.kind == ModalityKind::kEmbeddings)
    proj = Linear(scope["emb_proj"], m.width, dim, true);
  else
    token_emb = EmbeddingTable(scope["token_emb"], m.vocab_size, dim, Init::normal(kEmbeddingDeviation));
}

Tensor EncoderEmbedding::content(const Tensor& values) const {
  if (!token_emb.weight.defined()) {
    check(values.size(1) == proj.weight.size(1), "modality '", modality.name, "': rows of ", values.size(1),
          " numbers, expected ", proj.weight.size(1));
    return proj(values.to(mod_emb.scalar_type()));
  }
  check_ids(values, modality);
  return token_emb(values).to(mod_emb.scalar_type());
}

Tensor EncoderEmbedding::place(const Tensor& positions) const {
  return rows_of(pos_emb, positions, modality) + mod_emb[0];
}

DecoderEmbedding::DecoderEmbedding(const Scope& scope, const Modality& m, int64_t dim)
    : modality(m), pos_emb(position_table(scope, m, dim)), mod_emb(modality_row(scope, dim)) {
  to_logits = Linear(scope["to_logits"], dim, m.vocab_size, false);
  // Grids read the mask token instead: their table is kept only to be saved again.
  if (m.kind == ModalityKind::kSequence || scope.source_has("token_emb.weight"))
    token_emb = EmbeddingTable(scope["token_emb"], m.vocab_size, dim, Init::normal(kEmbeddingDeviation));
}

Tensor DecoderEmbedding::content(const Tensor& ids) const {
  check_ids(ids, modality);
  return token_emb(ids).to(mod_emb.scalar_type());
}

Tensor DecoderEmbedding::place(const Tensor& positions) const {
  const Tensor known = modality.is_sequence() ? positions * (positions < modality.max_length) : positions;
  return rows_of(pos_emb, known, modality) + mod_emb[0];
}

}  // namespace fourm
