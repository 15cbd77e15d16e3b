#include "fourm/generate/scores.h"

#include "fourm/nn/huge_page_tensor.h"

namespace fourm {
namespace {

// The decoder over the next tokens of each row: cross-attention keys and values are made once, those of the tokens are kept.
// Each head's rows are one run of memory: a lone query waits for what it reads.
class CachedScores : public SequenceScores {
 public:
  CachedScores(const FourM& model, const std::string& target, const Encoded& encoded, int64_t most_tokens)
      : model_(model), target_(target), most_(most_tokens) {
    int64_t begin = 0;
    for (const int64_t n : encoded.lengths) {
      context_.emplace_back(begin, begin + n);
      begin += n;
    }
    const auto& blocks = model.decoder();
    const auto layers = static_cast<int64_t>(blocks.size()), rows = static_cast<int64_t>(encoded.lengths.size());
    const int64_t heads = model.config().num_heads, width = model.config().dim / heads;
    const auto room = [&](int64_t n) {
      return huge_page_tensor({layers, 2, heads, n, width}, at::kFloat).transpose(2, 3);  // [layers, 2, n, H, hd]
    };
    const Tensor cross = room(begin), self = room(rows * most_);
    for (int64_t l = 0; l < layers; ++l) {
      const auto keys = blocks[l].keys(encoded.context);
      cross_.push_back({cross[l][0].copy_(keys.k), cross[l][1].copy_(keys.v), {}});
      self_.push_back({self[l][0], self[l][1], {}});
    }
  }

  Tensor read(const std::vector<int64_t>& rows, int64_t position, const std::vector<int64_t>& tokens) override {
    return read_by(model_, rows, position, tokens);
  }
  Tensor draft(const std::vector<int64_t>& rows, int64_t position, const std::vector<int64_t>& tokens) override {
    const FourM* draft = model_.draft();
    return draft ? read_by(*draft, rows, position, tokens) : Tensor();
  }

 private:
  Tensor read_by(const FourM& model, const std::vector<int64_t>& rows, int64_t position,
                 const std::vector<int64_t>& tokens) {
    const auto n = static_cast<int64_t>(tokens.size()), each = n / static_cast<int64_t>(rows.size());
    AttentionLayout within, across;
    std::vector<int64_t> places, positions;
    for (int64_t i = 0; i < n; ++i) {  // each token on its own, so that it gets the same whatever is read with it
      const int64_t row = rows[i / each], p = position + i % each;
      positions.push_back(p);
      places.push_back(row * most_ + p);
      within.segments.push_back({i, i + 1, row * most_, row * most_ + p + 1});
      across.segments.push_back({i, i + 1, context_[row].first, context_[row].second});
    }
    const auto vector = [](const std::vector<int64_t>& values) {
      return at::tensor(at::ArrayRef<int64_t>(values), at::kLong);
    };
    const DecoderEmbedding& embedding = model.output(target_);
    Tensor y = embedding.content(vector(tokens)) + embedding.place(vector(positions));  // [n, D]
    for (size_t l = 0; l < self_.size(); ++l) {
      self_[l].places = places;
      y = model.decoder()[l](y, cross_[l], within, across, &self_[l]);
    }
    return embedding.to_logits(model.decoder_norm()(y)).to(at::kFloat);
  }

  const FourM& model_;
  std::string target_;
  int64_t most_;
  std::vector<std::pair<int64_t, int64_t>> context_;
  std::vector<CrossAttention::Keys> cross_;
  std::vector<SelfAttention::Cache> self_;
};

}  // namespace

Tensor grid_scores(const FourM& model, const std::string& target, const Views& views,
                   const std::vector<std::vector<int64_t>>& slots) {
  const Encoded encoded = model.encode(pack_inputs(model, views.canvases, views.passes, views.ids));
  DecoderPacker packer;
  for (size_t p = 0; p < views.passes.size(); ++p)
    for (const auto& s : slots) {
      packer.begin_sample();
      packer.add_grid(target, s, {});
    }
  return model.logits(target, model.decode(packer.finish(), encoded).out).to(at::kFloat);
}

std::unique_ptr<SequenceScores> sequence_scores(const FourM& model, const std::string& target, const Views& views,
                                                int64_t most_tokens) {
  const Encoded encoded = model.encode(pack_inputs(model, views.canvases, views.passes, views.ids));
  return std::make_unique<CachedScores>(model, target, encoded, most_tokens);
}

}  // namespace fourm
