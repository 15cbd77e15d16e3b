#include "fourm/generate/logits.h"

#include <algorithm>

#include "fourm/kernels/upload.h"

namespace fourm {
namespace {

// The decoder with a KV cache: keys and values of cross-attention are computed once, those of the tokens are kept.
class CachedLogits : public SequenceLogits {
 public:
  CachedLogits(const FourM& model, const std::string& target, const Encoded& encoded, int64_t max_tokens)
      : target_(target), max_tokens_(max_tokens) {
    int64_t begin = 0;
    for (const int64_t n : encoded.lengths) {
      context_.emplace_back(begin, begin + n);
      begin += n;
    }
    const auto& blocks = model.decoder.blocks();
    const auto layers = static_cast<int64_t>(blocks.size()), rows = static_cast<int64_t>(encoded.lengths.size());
    const int64_t heads = model.config().num_heads, width = model.config().dim / heads;
    const Kernels& kernels = model.parameters().kernels();
    const auto cache = [&](int64_t n) { return kernels.key_value_cache(layers, n, heads, width); };
    const Tensor context = model.decoder.context(encoded);  // [N, D]
    const Tensor cross = cache(begin), self = cache(rows * max_tokens_);
    for (int64_t l = 0; l < layers; ++l) {
      const auto keys = blocks[l].keys(context);
      cross_.push_back({cross[l][0].copy_(keys.k), cross[l][1].copy_(keys.v), {}});
      self_.push_back({self[l][0], self[l][1], {}});
    }
  }

  Tensor read(const FourM& model, const std::vector<int64_t>& rows, int64_t position,
              const std::vector<int64_t>& tokens) override {
    const auto n = static_cast<int64_t>(tokens.size()), each = n / static_cast<int64_t>(rows.size());
    AttentionLayout within, across;
    std::vector<int64_t> places, positions;
    for (int64_t i = 0; i < n; ++i) {  // a segment per token: its result does not depend on the others
      const int64_t row = rows[i / each], p = position + i % each;
      positions.push_back(p);
      places.push_back(row * max_tokens_ + p);
      within.segments.push_back({i, i + 1, row * max_tokens_, row * max_tokens_ + p + 1});
      across.segments.push_back({i, i + 1, context_[row].first, context_[row].second});
    }
    Tensor ids = to_tensor(tokens), slots = to_tensor(positions), cache_rows = to_tensor(places);
    std::vector<Tensor*> uploads{&ids, &slots, &cache_rows};
    if (!self_.empty()) {
      model.parameters().kernels().plan(within, n, self_[0].k.size(0), uploads);
      model.parameters().kernels().plan(across, n, cross_[0].k.size(0), uploads);
    }
    upload(uploads, model.compute().device);
    const DecoderEmbedding& embedding = model.decoder.embedding(target_);
    Tensor y = embedding.tokens(ids) + embedding.positions(slots);  // [n, D]
    for (size_t l = 0; l < self_.size(); ++l) {
      self_[l].places = cache_rows;
      y = model.decoder.blocks()[l](y, cross_[l], within, across, &self_[l]);
    }
    return embedding.to_logits(model.decoder.norm()(y)).to(at::kFloat);
  }

 private:
  std::string target_;
  int64_t max_tokens_;
  std::vector<std::pair<int64_t, int64_t>> context_;
  std::vector<CrossAttention::Keys> cross_;
  std::vector<SelfAttention::Cache> self_;
};

}  // namespace

Tensor grid_logits(const FourM& model, const std::string& target, const Views& views,
                   const std::vector<std::vector<int64_t>>& slots) {
  // Equal inputs and positions are computed once: those of a batch without its conditions, or variations of one sample.
  EncoderPacker inputs(model.modalities());
  DecoderPacker targets(model.modalities());
  std::vector<int64_t> rows;  // of the result: its row among those that are computed
  int64_t computed = 0;
  for (const Pass& pass : views.passes) {
    std::vector<std::pair<size_t, int64_t>> distinct;  // canvases and their first rows
    for (size_t i = 0; i < slots.size(); ++i) {
      const auto equal = std::find_if(distinct.begin(), distinct.end(), [&](const auto& other) {
        return slots[other.first] == slots[i] &&
               same_inputs(model, *views.canvases[other.first], *views.canvases[i], pass);
      });
      int64_t row = equal == distinct.end() ? computed : equal->second;
      if (equal == distinct.end()) {
        add_inputs(model, *views.canvases[i], pass, views.ids, inputs);
        targets.begin_sample();
        targets.add_grid(target, slots[i], {});
        distinct.emplace_back(i, computed);
        computed += static_cast<int64_t>(slots[i].size());
      }
      for (size_t k = 0; k < slots[i].size(); ++k) rows.push_back(row++);
    }
  }
  const Encoded encoded = model.encoder(inputs.finish());
  const Tensor logits = model.decoder.logits(target, model.decoder(targets.finish(), encoded).out).to(at::kFloat);
  if (static_cast<int64_t>(rows.size()) == computed) return logits;
  return logits.index_select(0, to_tensor(rows).to(logits.device()));
}

std::unique_ptr<SequenceLogits> sequence_logits(const FourM& model, const std::string& target, const Views& views,
                                                int64_t max_tokens) {
  const Encoded encoded = model.encoder(pack_inputs(model, views.canvases, views.passes, views.ids));
  return std::make_unique<CachedLogits>(model, target, encoded, max_tokens);
}

}  // namespace fourm
