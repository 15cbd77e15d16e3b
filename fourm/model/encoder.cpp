#include "fourm/model/encoder.h"

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/kernels/upload.h"
#include "fourm/nn/checkpoint.h"

namespace fourm {
namespace {

// Row order that puts `count` register rows (which follow all `total` token rows) before the tokens of each sample.
Tensor order_with_registers(const Tensor& order, const std::vector<int64_t>& lengths, int64_t total, int64_t count) {
  std::vector<Tensor> parts;
  const Tensor registers = at::arange(total, total + count, at::kLong);
  int64_t begin = 0;
  for (const int64_t n : lengths) {
    parts.push_back(registers);
    parts.push_back(order.slice(0, begin, begin + n));
    begin += n;
  }
  return at::cat(parts);
}

}  // namespace

BlockConfig block_config(const EncoderConfig& c) {
  return {.width = c.dim,
          .heads = c.num_heads,
          .mlp_hidden = c.mlp_hidden(),
          .qkv_bias = c.qkv_bias,
          .proj_bias = c.proj_bias,
          .mlp_bias = c.mlp_bias,
          .norm_bias = c.norm_bias,
          .gated_mlp = c.gated_mlp,
          .qk_norm = c.qk_norm,
          .activation = c.act_layer == "GELU" ? Activation::kGelu : Activation::kSilu};
}

Encoder::Encoder(const Scope& root, const EncoderConfig& config, const ModalityTable& table,
                 const std::vector<std::string>& shared)
    : kernels_(root.kernels()) {
  for (const auto& name : config.domains_in) {
    const Modality modality = config.modality(name, table);
    const Scope scope = root["encoder_embeddings"][name];
    if (has_token_ids(modality) && contains(shared, name))
      root.share(scope.path("mod_emb"), root["decoder_embeddings"][name].path("mod_emb"));
    embeddings_.emplace(name, EncoderEmbedding(scope, modality, config.dim));
  }
  const BlockConfig block = block_config(config);
  for (int64_t i = 0; i < config.encoder_depth; ++i) blocks_.emplace_back(root["encoder"][i], block);
  norm_ = LayerNorm(root["encoder_norm"], config.dim, config.norm_bias);
  if (config.num_register_tokens > 0)
    register_tokens_ =
        root.parameter("register_tokens", {1, config.num_register_tokens, config.dim}, Init::normal(0.02));
}

const EncoderEmbedding& Encoder::embedding(const std::string& name) const {
  const auto found = embeddings_.find(name);
  check(found != embeddings_.end(), "the model does not read ", printable(name), "; it reads ",
        join(modalities(), ", "));
  return found->second;
}

std::vector<std::string> Encoder::modalities() const {
  std::vector<std::string> names;
  for (const auto& item : embeddings_) names.push_back(item.first);
  return names;
}

EncoderBatch Encoder::prepare(EncoderBatch batch) const {
  if (batch.within) return batch;
  if (const int64_t count = register_tokens(); count > 0) {
    batch.order = order_with_registers(batch.order, batch.lengths, batch.order.size(0), count);
    for (auto& n : batch.lengths) n += count;
  }
  batch.within = AttentionLayout::within(batch.lengths);
  return batch;
}

Encoded Encoder::operator()(const EncoderBatch& packed) const {
  EncoderBatch batch = prepare(packed);
  to_device(&batch, nullptr, *kernels_);
  std::vector<Tensor> tokens, positions;
  for (const auto& group : batch.groups) {
    const EncoderEmbedding& e = embedding(group.modality);
    tokens.push_back(e.tokens(group.content));
    positions.push_back(e.positions(group.positions));
  }
  Encoded result;
  result.lengths = batch.lengths;
  if (register_tokens() > 0) {
    tokens.push_back(register_tokens_[0]);
    positions.push_back(at::zeros_like(register_tokens_[0]));
  }
  if (tokens.empty()) {
    result.tokens = result.positions = result.out = at::zeros({0, width()}, norm_.weight.options());
    return result;
  }
  result.tokens = concatenated(tokens).index_select(0, batch.order);
  result.positions = concatenated(positions).index_select(0, batch.order);
  Tensor factors;  // of the branches
  if (batch.drop_path) {
    factors = drop_path_factors(*batch.drop_path, DropPathStack::kEncoder, static_cast<int64_t>(blocks_.size()), 2,
                                batch.lengths);
    upload({&factors}, kernels_->device());
  }
  const auto encode = [&](int64_t begin, int64_t end, const AttentionLayout& layout) {
    Tensor x = result.tokens.slice(0, begin, end) + result.positions.slice(0, begin, end);  // [N, D]
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const Tensor own = factors.defined() ? factors[static_cast<int64_t>(i)].slice(1, begin, end) : Tensor();
      const auto run = [&block = blocks_[i], layout, own](const auto& in) {
        return own.defined() ? with_drop_path(block, in[0], layout, own) : block(in[0], layout);
      };
      x = checkpoint_ ? checkpoint(run, {x}) : run(std::vector<Tensor>{x});
    }
    return norm_(x);
  };
  const std::vector<SampleRange> ranges = sample_ranges(result.lengths, kernels_->rows_together());
  if (ranges.size() <= 1) {
    result.out = encode(0, result.tokens.size(0), *batch.within);
    return result;
  }
  std::vector<Tensor> outs;
  for (const SampleRange& r : ranges)
    outs.push_back(encode(r.first_row, r.end_row, batch.within->part(r.first_row, r.end_row, r.first_row)));
  result.out = concatenated(outs);
  return result;
}

}  // namespace fourm
