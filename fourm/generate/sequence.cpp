#include "fourm/generate/sequence.h"

#include <algorithm>
#include <iterator>

#include "fourm/core/error.h"
#include "fourm/core/stopped.h"
#include "fourm/generate/logits.h"
#include "fourm/generate/sampler.h"

namespace fourm {
namespace {

// The sequence of a canvas that is to be generated.
struct Request {
  int64_t start = 0, stop = 0;  // the first token, and the one that ends the sequence
  int64_t slots = 0;            // at most so many tokens are generated
  std::vector<int64_t> known;
};

Request request_of(const Canvas::Entry& entry, const SequenceIds& special, int64_t max_slots) {
  Request request;
  for (size_t i = 0; i < entry.target.size(); ++i) {
    if (entry.known[i]) request.known.push_back(entry.data.ids[i]);
    if (!entry.target[i]) continue;
    if (request.slots++ == 0) request.start = entry.data.ids[i];
    request.stop = entry.data.ids[i];
  }
  if (request.known.empty()) request.known = {special.start()};
  request.slots = std::min(request.slots, max_slots);
  return request;
}

// Draft tokens per verification at most, and the rows that the decoder processes about as fast as one row.
constexpr size_t kMaxDraftTokens = 4, kFewRows = 8;

// Decodes the sequences of a step, token by token on all canvases together. One sequence alone is bound by memory
// bandwidth, since each token reads all matrices of the decoder. It is decoded speculatively (Leviathan et al. 2023): the
// draft model proposes tokens, the model verifies them in one pass and accepts those that it would have sampled itself.
// Random draws depend on logits and positions only, so the accepted tokens are the same as without a draft model.
class SequenceDecoding {
 public:
  SequenceDecoding(const FourM& model, const Step& step, int64_t index, std::vector<Canvas>& canvases,
                   const GenerateOptions& options, int64_t run)
      : model_(model),
        step_(step),
        index_(index),
        canvases_(canvases),
        options_(options),
        run_(run),
        passes_(passes_of(step.guidance)),
        rows_(canvases.size()) {
    const Modality& modality = model.decoder.embedding(step.target).modality;
    const int64_t max_slots = step.tokens_total > 0 ? step.tokens_total - 1 : modality.max_tokens;
    for (size_t b = 0; b < canvases.size(); ++b) {
      requests_.push_back(request_of(canvases[b].at(step.target), options.sequence_ids, max_slots));
      const Request& request = requests_.back();
      if (request.slots > 0) check_token_ids({request.start}, modality);
      if (request.slots > 0 && request.start != request.stop) active_.push_back(b);
      most_ = std::max(most_, request.slots);
      pointers_.push_back(&canvases[b]);
    }
    if (active_.empty()) return;
    const Views views{pointers_, passes_, options.sequence_ids};
    logits_ = model.compute().reference ? reference_sequence_logits(step.target, views)
                                        : sequence_logits(model, step.target, views, most_);
  }

  std::vector<StepReport::Row> run() {
    size_t draft_length = kMaxDraftTokens;  // one more than were accepted the last time
    for (int64_t t = 0; !active_.empty();) {
      const std::vector<int64_t> draft = draft_tokens(t, draft_length);
      const size_t each = draft.size() + 1;
      std::vector<int64_t> tokens;
      for (size_t p = 0; p < passes_.size(); ++p)
        for (const size_t b : active_) {
          tokens.push_back(last(b));
          tokens.insert(tokens.end(), draft.begin(), draft.end());
        }
      const auto logits = split_passes(logits_->read(model_, decoder_rows(), t, tokens), passes_.size());
      const Tensor guided = combine(logits, passes_, step_.target);  // [active * each, V]
      size_t accepted = 0;
      for (;; ++accepted) {
        append(logits, guided, static_cast<int64_t>(accepted), static_cast<int64_t>(each), t++);
        if (active_.empty() || accepted == draft.size() || draft[accepted] != last(active_.front())) break;
      }
      draft_length = std::min(accepted + 1, kMaxDraftTokens);
    }
    for (size_t b = 0; b < canvases_.size(); ++b) merge(b);
    return std::move(rows_);
  }

 private:
  int64_t last(size_t b) const { return rows_[b].tokens.empty() ? requests_[b].start : rows_[b].tokens.back(); }

  std::vector<int64_t> decoder_rows() const {
    std::vector<int64_t> rows;
    for (size_t p = 0; p < passes_.size(); ++p)
      for (const size_t b : active_) rows.push_back(static_cast<int64_t>(p * canvases_.size() + b));
    return rows;
  }

  // Tokens at position t of the canvases, from their rows of logits.
  std::vector<Drawn> draw(const Tensor& logits, const std::vector<size_t>& canvases, int64_t t) const {
    const uint64_t step_key = static_cast<uint64_t>(index_) | static_cast<uint64_t>(run_) << 32;
    std::vector<Random> random;
    if (options_.draw)
      for (const size_t b : canvases)
        random.emplace_back(options_.seed, std::initializer_list<uint64_t>{canvases_[b].key, hash_text(step_.target),
                                                                           step_key, static_cast<uint64_t>(t)});
    return draw_tokens(logits, step_.temperature, step_.filter, std::move(random));
  }

  // At most `limit` tokens that the draft model proposes from position t on; none while several sequences are active.
  std::vector<int64_t> draft_tokens(int64_t t, size_t limit) {
    std::vector<int64_t> tokens;
    if (active_.size() > 1 || !options_.draft || model_.compute().reference) return tokens;
    const size_t b = active_.front();
    limit = std::min(
        {limit, static_cast<size_t>(requests_[b].slots - t - 1), std::max(kFewRows / passes_.size(), size_t{1}) - 1});
    int64_t token = last(b);
    while (tokens.size() < limit) {
      const auto position = t + static_cast<int64_t>(tokens.size());
      const Tensor logits =
          logits_->read(options_.draft->get(), decoder_rows(), position, std::vector<int64_t>(passes_.size(), token));
      const Tensor guided = combine(split_passes(logits, passes_.size()), passes_, step_.target);  // [1, V]
      token = draw(guided, {b}, position)[0].token;
      if (token == requests_[b].stop) break;
      tokens.push_back(token);
    }
    return tokens;
  }

  // Samples the token at position t of every active canvas, from row i of the `each` rows of a canvas.
  void append(const std::vector<Tensor>& logits, const Tensor& guided, int64_t i, int64_t each, int64_t t) {
    if (options_.on_logits) {
      std::vector<Tensor> parts;
      for (const Tensor& pass : logits) parts.push_back(pass.slice(0, i, {}, each));
      options_.on_logits(index_, parts, guided.slice(0, i, {}, each));
    }
    const std::vector<Drawn> drawn = draw(guided.slice(0, i, {}, each), active_, t);
    for (size_t k = 0; k < active_.size(); ++k) {
      StepReport::Row& row = rows_[active_[k]];
      row.slots.push_back(t);
      row.tokens.push_back(drawn[k].token);
      row.confidences.push_back(drawn[k].confidence);
    }
    std::erase_if(active_, [&](size_t b) { return last(b) == requests_[b].stop || t + 1 >= requests_[b].slots; });
    if (options_.on_token && !options_.on_token(index_, run_ * most_ + t + 1, step_.repeat * most_)) throw Stopped();
  }

  void merge(size_t b) {
    auto& entry = canvases_[b].at(step_.target);
    std::vector<int64_t> output{requests_[b].start};
    output.insert(output.end(), rows_[b].tokens.begin(), rows_[b].tokens.end());
    entry.data.ids = merge_spans(requests_[b].known, output, options_.sequence_ids.sentinels);
    entry.known.assign(entry.data.ids.size(), true);
    entry.target.assign(entry.data.ids.size(), false);
  }

  const FourM& model_;
  const Step& step_;
  int64_t index_;
  std::vector<Canvas>& canvases_;
  const GenerateOptions& options_;
  int64_t run_;  // of the step's repetitions
  std::vector<const Canvas*> pointers_;
  std::vector<Pass> passes_;
  std::vector<Request> requests_;  // of each canvas
  std::vector<StepReport::Row> rows_;
  std::vector<size_t> active_;  // canvases that are not finished
  int64_t most_ = 1;            // tokens of the longest request
  std::unique_ptr<SequenceLogits> logits_;
};

template <class T>
void append(std::vector<T>& all, const std::vector<T>& part) {
  all.insert(all.end(), part.begin(), part.end());
}

// The tokens of several runs as one text, which ends with [EOS] where the last one does.
std::vector<int64_t> join_texts(const std::vector<std::vector<int64_t>>& texts, int64_t eos) {
  std::vector<int64_t> ids;
  for (const auto& text : texts)
    std::copy_if(text.begin(), text.end(), std::back_inserter(ids), [&](int64_t id) { return id != eos; });
  if (!texts.back().empty() && texts.back().back() == eos) ids.push_back(eos);
  return ids;
}

}  // namespace

std::vector<StepReport::Row> sequence_step(const FourM& model, const Step& step, int64_t index,
                                           std::vector<Canvas>& canvases, const GenerateOptions& options) {
  if (step.repeat == 1) return SequenceDecoding(model, step, index, canvases, options, 0).run();
  std::vector<Canvas::Entry> empty;
  for (const Canvas& canvas : canvases) empty.push_back(*canvas.find(step.target));
  std::vector<StepReport::Row> rows(canvases.size());
  std::vector<std::vector<std::vector<int64_t>>> texts(canvases.size());  // of each canvas, those of all runs
  for (int64_t run = 0; run < step.repeat; ++run) {
    for (size_t b = 0; b < canvases.size(); ++b) canvases[b].at(step.target) = empty[b];
    const auto part = SequenceDecoding(model, step, index, canvases, options, run).run();
    for (size_t b = 0; b < canvases.size(); ++b) {
      append(rows[b].slots, part[b].slots);
      append(rows[b].tokens, part[b].tokens);
      append(rows[b].confidences, part[b].confidences);
      texts[b].push_back(canvases[b].at(step.target).data.ids);
    }
  }
  for (size_t b = 0; b < canvases.size(); ++b) {
    Canvas::Entry& entry = canvases[b].at(step.target);
    entry.data.ids = join_texts(texts[b], options.sequence_ids.eos);
    entry.known.assign(entry.data.ids.size(), true);
    entry.target.assign(entry.data.ids.size(), false);
  }
  return rows;
}

}  // namespace fourm
