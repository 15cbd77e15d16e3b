#include "fourm/generate/sequence.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/generate/sampler.h"
#include "fourm/generate/scores.h"

namespace fourm {
namespace {

// What a canvas asks for: its slots end with the token that stops it.
struct Request {
  int64_t start, stop, slots;
  std::vector<int64_t> known;
};

Request request_of(const Canvas::Entry& entry, const SequenceIds& special, int64_t most) {
  Request request{0, 0, 0, {}};
  for (size_t i = 0; i < entry.wanted.size(); ++i) {
    if (entry.known[i]) request.known.push_back(entry.data.ids[i]);
    if (!entry.wanted[i]) continue;
    if (request.slots++ == 0) request.start = entry.data.ids[i];
    request.stop = entry.data.ids[i];
  }
  if (request.known.empty()) request.known = {special.start()};
  request.slots = std::min(request.slots, most);
  return request;
}

// Guesses at most, and how many rows one passage of the decoder's matrices through the processor serves about as fast as one.
constexpr size_t kMostGuesses = 4, kFewRows = 8;

// The step's texts, written token by token in step. A text that is alone waits for memory, since each of its tokens reads all of
// the decoder's matrices; so the model's draft guesses its next tokens, and the model reads them all at once and keeps those
// that it would have written (speculative decoding, Leviathan et al. 2023). Draws depend on scores and places only: guesses
// change nothing but the time.
class Writing {
 public:
  Writing(const FourM& model, const Step& step, int64_t index, std::vector<Canvas>& canvases,
          const GenerateOptions& options)
      : step_(step),
        index_(index),
        canvases_(canvases),
        options_(options),
        passes_(passes_of(step.guidance)),
        rows_(canvases.size()) {
    int64_t most = 1;
    const int64_t longest =
        step.tokens_total > 0 ? step.tokens_total - 1 : model.output(step.target).modality.max_tokens;
    for (size_t b = 0; b < canvases.size(); ++b) {
      requests_.push_back(request_of(canvases[b].at(step.target), options.sequence_ids, longest));
      const Request& request = requests_.back();
      if (request.slots > 0 && request.start != request.stop) active_.push_back(b);
      most = std::max(most, request.slots);
      pointers_.push_back(&canvases[b]);
    }
    if (active_.empty()) return;
    const Views views{pointers_, passes_, options.sequence_ids};
    decoder_ = options.reference ? sequence_scores_plainly(model, step.target, views)
                                 : sequence_scores(model, step.target, views, most);
  }

  std::vector<StepReport::Row> run() {
    size_t trust = kMostGuesses;  // as many guesses as were right the last time, and one more
    for (int64_t t = 0; !active_.empty();) {
      const std::vector<int64_t> guesses = guess(t, trust);
      const size_t each = guesses.size() + 1;
      std::vector<int64_t> tokens;
      for (size_t p = 0; p < passes_.size(); ++p)
        for (const size_t b : active_) {
          tokens.push_back(last(b));
          tokens.insert(tokens.end(), guesses.begin(), guesses.end());
        }
      const auto scores = split_passes(decoder_->read(decoder_rows(), t, tokens), passes_.size());
      const Tensor guided = combine(scores, passes_, step_.target);  // [active * each, V]
      size_t right = 0;
      for (;; ++right) {
        write(scores, guided, static_cast<int64_t>(right), static_cast<int64_t>(each), t++);
        if (active_.empty() || right == guesses.size() || guesses[right] != last(active_.front())) break;
      }
      trust = std::min(right + 1, kMostGuesses);
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

  Drawn draw(const float* scores, int64_t vocabulary, size_t b, int64_t t) const {
    Random random(options_.seed,
                  {canvases_[b].key, hash_text(step_.target), static_cast<uint64_t>(index_), static_cast<uint64_t>(t)});
    return draw_token(scores, vocabulary, step_.temperature, options_.filter, options_.draw ? &random : nullptr);
  }

  // What the draft would write from place t on, at most `most` tokens; none where several texts share the matrices.
  std::vector<int64_t> guess(int64_t t, size_t most) {
    std::vector<int64_t> guesses;
    if (active_.size() > 1) return guesses;
    const size_t b = active_.front();
    most = std::min(
        {most, static_cast<size_t>(requests_[b].slots - t - 1), std::max(kFewRows / passes_.size(), size_t{1}) - 1});
    int64_t token = last(b);
    while (guesses.size() < most) {
      const auto place = t + static_cast<int64_t>(guesses.size());
      const Tensor scores = decoder_->draft(decoder_rows(), place, std::vector<int64_t>(passes_.size(), token));
      if (!scores.defined()) break;
      const Tensor guided = combine(split_passes(scores, passes_.size()), passes_, step_.target);  // [1, V]
      token = draw(guided.const_data_ptr<float>(), guided.size(1), b, place).token;
      if (token == requests_[b].stop) break;
      guesses.push_back(token);
    }
    return guesses;
  }

  // The token of place t on every active canvas, from row i of the `each` that a canvas has.
  void write(const std::vector<Tensor>& scores, const Tensor& guided, int64_t i, int64_t each, int64_t t) {
    if (options_.on_scores) {
      std::vector<Tensor> parts;
      for (const Tensor& pass : scores) parts.push_back(pass.slice(0, i, {}, each));
      options_.on_scores(index_, parts, guided.slice(0, i, {}, each));
    }
    const float* row = guided.const_data_ptr<float>() + i * guided.size(1);
    for (const size_t b : active_) {
      const Drawn drawn = draw(row, guided.size(1), b, t);
      row += each * guided.size(1);
      rows_[b].slots.push_back(t);
      rows_[b].tokens.push_back(drawn.token);
      rows_[b].confidences.push_back(drawn.confidence);
    }
    std::erase_if(active_, [&](size_t b) { return last(b) == requests_[b].stop || t + 1 >= requests_[b].slots; });
  }

  void merge(size_t b) {
    auto& entry = canvases_[b].at(step_.target);
    std::vector<int64_t> output{requests_[b].start};
    output.insert(output.end(), rows_[b].tokens.begin(), rows_[b].tokens.end());
    entry.data.ids = merge_spans(requests_[b].known, output, options_.sequence_ids.sentinels);
    entry.known.assign(entry.data.ids.size(), true);
    entry.wanted.assign(entry.data.ids.size(), false);
  }

  const Step& step_;
  int64_t index_;
  std::vector<Canvas>& canvases_;
  const GenerateOptions& options_;
  std::vector<const Canvas*> pointers_;
  std::vector<Pass> passes_;
  std::vector<Request> requests_;  // of each canvas
  std::vector<StepReport::Row> rows_;
  std::vector<size_t> active_;  // canvases that are not finished
  std::unique_ptr<SequenceScores> decoder_;
};

}  // namespace

std::vector<StepReport::Row> sequence_step(const FourM& model, const Step& step, int64_t index,
                                           std::vector<Canvas>& canvases, const GenerateOptions& options) {
  return Writing(model, step, index, canvases, options).run();
}

}  // namespace fourm
