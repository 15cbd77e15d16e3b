#include "fourm/model/decoder.h"

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/kernels/upload.h"
#include "fourm/nn/checkpoint.h"

namespace fourm {

Decoder::Decoder(const Scope& root, const ModelConfig& config, const ModalityTable& table, bool tie_heads)
    : kernels_(root.kernels()) {
  for (const auto& name : config.domains_out) {
    const Modality modality = config.modality(name, table);
    if (!has_token_ids(modality)) continue;
    const Scope scope = root["decoder_embeddings"][name];
    // A file with one of the two has them tied, whether or not its metadata say so.
    const std::string embedding = scope.path("token_emb.weight"), head = scope.path("to_logits.weight");
    if (tie_heads || !root.source_has(embedding) || !root.source_has(head)) root.share(embedding, head);
    embeddings_.emplace(name, DecoderEmbedding(scope, modality, config.dim));
  }
  proj_context_ = Linear(root["decoder_proj_context"], config.dim, config.dim, true);
  const BlockConfig block = block_config(config);
  for (int64_t i = 0; i < config.decoder_depth; ++i) blocks_.emplace_back(root["decoder"][i], block);
  norm_ = LayerNorm(root["decoder_norm"], config.dim, config.norm_bias);
  mask_token_ = root.parameter("mask_token", {1, 1, config.dim}, Init::normal(0.02));
}

const DecoderEmbedding& Decoder::embedding(const std::string& name) const {
  const auto found = embeddings_.find(name);
  check(found != embeddings_.end(), "the model does not generate ", printable(name), "; it generates ",
        join(modalities(), ", "));
  return found->second;
}

std::vector<std::string> Decoder::modalities() const {
  std::vector<std::string> names;
  for (const auto& item : embeddings_) names.push_back(item.first);
  return names;
}

Tensor Decoder::context(const Encoded& encoded) const {
  if (encoded.out.size(0) == 0) return encoded.out;  // nothing is known: cross-attention adds nothing
  return proj_context_(encoded.out) + encoded.positions;
}

Decoded Decoder::embed(const DecoderBatch& batch) const {
  std::vector<Tensor> tokens, positions;
  for (const auto& group : batch.groups) {
    const DecoderEmbedding& e = embedding(group.modality);
    tokens.push_back(group.ids.defined() ? e.tokens(group.ids)
                                         : mask_token_[0].expand({group.positions.size(0), mask_token_.size(2)}));
    positions.push_back(e.positions(group.positions));
  }
  if (tokens.empty()) {
    const Tensor none = at::zeros({0, mask_token_.size(2)}, mask_token_.options());
    return {none, none, none};
  }
  return {concatenated(tokens).index_select(0, batch.order), concatenated(positions).index_select(0, batch.order), {}};
}

DecoderBatch Decoder::prepare(DecoderBatch batch, const std::vector<int64_t>& context_lengths) const {
  if (batch.across) return batch;
  batch.across = AttentionLayout::across(batch.lengths, context_lengths);
  auto& segments = batch.across->segments;
  if (!blocks_.empty() && !blocks_.front().cross_attn.proj.bias.defined())  // an empty context adds nothing
    while (!segments.empty() && segments.back().k_begin == segments.back().k_end) segments.pop_back();
  return batch;
}

Decoded Decoder::operator()(const DecoderBatch& packed, const Encoded& encoded) const {
  DecoderBatch batch = prepare(packed, encoded.lengths);
  to_device(nullptr, &batch, *kernels_);
  Decoded result = embed(batch);
  const Tensor all_context = context(encoded);
  Tensor factors;  // of the branches
  if (batch.drop_path) {
    factors = drop_path_factors(*batch.drop_path, DropPathStack::kDecoder, static_cast<int64_t>(blocks_.size()), 3,
                                batch.lengths);
    upload({&factors}, kernels_->device());
  }
  const auto decode = [&](int64_t begin, int64_t end, const Tensor& memory, const AttentionLayout& within,
                          const AttentionLayout& across) {
    Tensor y = result.tokens.slice(0, begin, end) + result.positions.slice(0, begin, end);  // [M, D]
    std::shared_ptr<const PreparedContext> prepared;
    if (!blocks_.empty() && blocks_.front().cross_attn.prefers_prepared(across))
      prepared = kernels_->prepare_context(memory, blocks_.front().context_norm.epsilon, across);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const Tensor own = factors.defined() ? factors[static_cast<int64_t>(i)].slice(1, begin, end) : Tensor();
      const auto run = [&block = blocks_[i], prepared, within, across, own](const auto& in) {
        const auto keys = prepared ? CrossAttention::Keys{{}, {}, prepared} : block.keys(in[1]);
        return own.defined() ? with_drop_path(block, in[0], keys, within, across, own)
                             : block(in[0], keys, within, across);
      };
      y = checkpoint_ ? checkpoint(run, {y, memory}) : run(std::vector<Tensor>{y, memory});
    }
    return norm_(y);
  };
  const std::vector<SampleRange> ranges = sample_ranges(batch.lengths, kernels_->rows_together());
  if (ranges.size() <= 1) {
    result.out = decode(0, result.tokens.size(0), all_context, batch.within, *batch.across);
    return result;
  }
  std::vector<Tensor> outs;
  int64_t context_end = 0;
  for (const SampleRange& r : ranges) {
    const int64_t context_begin = context_end;
    for (size_t i = r.begin; i < r.end; ++i) context_end += encoded.lengths[i];
    outs.push_back(decode(r.first_row, r.end_row, all_context.slice(0, context_begin, context_end),
                          batch.within.part(r.first_row, r.end_row, r.first_row),
                          batch.across->part(r.first_row, r.end_row, context_begin)));
  }
  result.out = concatenated(outs);
  return result;
}

Tensor Decoder::logits(const std::string& modality, const Tensor& out) const {
  return embedding(modality).to_logits(out);
}

}  // namespace fourm
