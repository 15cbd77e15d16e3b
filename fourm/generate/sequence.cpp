#include "fourm/generate/sequence.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/generate/passes.h"
#include "fourm/generate/sampler.h"

namespace fourm {
namespace {

// The decoder over one token a row and call. Rows are (pass, canvas) pairs.
class SequenceDecoder {
 public:
  SequenceDecoder(const FourM& model, const std::string& modality, const Encoded& encoded, int64_t most_tokens)
      : model_(model), modality_(modality), most_(most_tokens) {
    int64_t begin = 0;
    for (const int64_t n : encoded.lengths) {
      context_.push_back({begin, begin + n});
      begin += n;
    }
    const auto rows = static_cast<int64_t>(encoded.lengths.size());
    for (const auto& block : model.decoder()) {
      cross_.push_back(block.cross_attn.keys(block.context_norm(encoded.context)));
      const Tensor& k = cross_.back().k;
      self_.push_back({at::empty({rows * most_, k.size(1), k.size(2)}, k.options()),
                       at::empty({rows * most_, k.size(1), k.size(2)}, k.options())});
    }
  }

  /// tokens[i] is read by row rows[i] at this call's position; gives the scores of the next token [n, V].
  Tensor step(const std::vector<int64_t>& rows, const std::vector<int64_t>& tokens) {
    const auto n = static_cast<int64_t>(rows.size());
    AttentionLayout within, across;
    std::vector<int64_t> places;
    for (int64_t i = 0; i < n; ++i) {
      places.push_back(rows[i] * most_ + position_);
      within.segments.push_back({i, i + 1, rows[i] * most_, rows[i] * most_ + position_ + 1});
      across.segments.push_back({i, i + 1, context_[rows[i]].first, context_[rows[i]].second});
    }
    const Tensor place = at::tensor(at::ArrayRef<int64_t>(places), at::kLong);
    const DecoderEmbedding& embedding = model_.output(modality_);
    Tensor y = embedding.content(at::tensor(at::ArrayRef<int64_t>(tokens), at::kLong)) +
               embedding.place(at::full({n}, position_, at::kLong));  // [n, D]
    for (size_t l = 0; l < model_.decoder().size(); ++l) {
      const DecoderBlock& block = model_.decoder()[l];
      const auto heads = block.self_attn.project(block.norm1(y));
      self_[l].k.index_copy_(0, place, heads.k);
      self_[l].v.index_copy_(0, place, heads.v);
      y = y + block.self_attn.proj(attention(heads.q, self_[l].k, self_[l].v, within).flatten(1));
      y = y + block.cross_attn(block.query_norm(y), cross_[l], across);
      y = y + block.mlp(block.norm2(y));
    }
    ++position_;
    return model_.logits(modality_, model_.decoder_norm()(y));
  }

 private:
  const FourM& model_;
  const std::string& modality_;
  int64_t most_, position_ = 0;
  std::vector<std::pair<int64_t, int64_t>> context_;
  std::vector<CrossAttention::Keys> cross_, self_;
};

// What a canvas asks for: its slots end with the token that stops it.
struct Request {
  int64_t start, stop, slots;
  std::vector<int64_t> known;
};

Request request_of(const Canvas::Entry& entry, const SequenceIds& special) {
  Request request{0, 0, 0, {}};
  for (size_t i = 0; i < entry.wanted.size(); ++i) {
    if (entry.known[i]) request.known.push_back(entry.data.ids[i]);
    if (!entry.wanted[i]) continue;
    if (request.slots++ == 0) request.start = entry.data.ids[i];
    request.stop = entry.data.ids[i];
  }
  if (request.known.empty()) request.known = {special.start()};
  return request;
}

}  // namespace

std::vector<StepReport::Row> sequence_step(const FourM& model, const Step& step, int64_t index,
                                           std::vector<Canvas>& canvases, const GenerateOptions& options) {
  const Modality& modality = model.output(step.target).modality;
  const uint64_t target_key = hash_text(step.target);
  std::vector<StepReport::Row> rows(canvases.size());
  std::vector<Request> requests;
  std::vector<size_t> active;
  std::vector<const Canvas*> pointers;
  int64_t most = 1;
  for (size_t b = 0; b < canvases.size(); ++b) {
    requests.push_back(request_of(canvases[b].at(step.target), options.sequence_ids));
    auto& request = requests.back();
    request.slots = std::min(request.slots, modality.max_tokens);
    if (request.slots > 0 && request.start != request.stop) active.push_back(b);
    most = std::max(most, request.slots);
    pointers.push_back(&canvases[b]);
  }
  if (!active.empty()) {
    const auto passes = passes_of(step.guidance);
    const Encoded encoded = model.encode(pack_inputs(model, pointers, passes, options.sequence_ids));
    SequenceDecoder decoder(model, step.target, encoded, most);
    for (int64_t t = 0; !active.empty(); ++t) {
      std::vector<int64_t> decoder_rows, tokens;
      for (size_t p = 0; p < passes.size(); ++p)
        for (const size_t b : active) {
          decoder_rows.push_back(static_cast<int64_t>(p * canvases.size() + b));
          tokens.push_back(t == 0 ? requests[b].start : rows[b].tokens.back());
        }
      const auto scores = split_passes(decoder.step(decoder_rows, tokens), passes.size());
      const Tensor guided = combine(scores, passes, step.target);
      if (options.on_scores) options.on_scores(index, scores, guided);
      const float* row = guided.data_ptr<float>();
      for (const size_t b : active) {
        Random random(options.seed, {canvases[b].key, target_key, static_cast<uint64_t>(index), static_cast<uint64_t>(t)});
        const Drawn drawn = draw_token(row, guided.size(1), step.temperature, options.filter,
                                       options.draw ? &random : nullptr);
        row += guided.size(1);
        rows[b].slots.push_back(t);
        rows[b].tokens.push_back(drawn.token);
        rows[b].confidences.push_back(drawn.confidence);
      }
      std::erase_if(active, [&](size_t b) { return rows[b].tokens.back() == requests[b].stop || t + 1 >= requests[b].slots; });
    }
  }
  for (size_t b = 0; b < canvases.size(); ++b) {
    auto& entry = canvases[b].at(step.target);
    std::vector<int64_t> output{requests[b].start};
    output.insert(output.end(), rows[b].tokens.begin(), rows[b].tokens.end());
    entry.data.ids = merge_spans(requests[b].known, output, options.sequence_ids.sentinels);
    entry.known.assign(entry.data.ids.size(), true);
    entry.wanted.assign(entry.data.ids.size(), false);
  }
  return rows;
}

}  // namespace fourm
