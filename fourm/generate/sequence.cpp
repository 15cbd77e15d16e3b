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
    const Views views{pointers, passes, options.sequence_ids};
    const auto decoder = options.reference ? sequence_scores_plainly(model, step.target, views)
                                           : sequence_scores(model, step.target, views, most);
    for (int64_t t = 0; !active.empty(); ++t) {
      std::vector<int64_t> decoder_rows, tokens;
      for (size_t p = 0; p < passes.size(); ++p)
        for (const size_t b : active) {
          decoder_rows.push_back(static_cast<int64_t>(p * canvases.size() + b));
          tokens.push_back(t == 0 ? requests[b].start : rows[b].tokens.back());
        }
      const auto scores = split_passes(decoder->next(decoder_rows, tokens), passes.size());
      const Tensor guided = combine(scores, passes, step.target);
      if (options.on_scores) options.on_scores(index, scores, guided);
      const float* row = guided.data_ptr<float>();
      for (const size_t b : active) {
        Random random(options.seed,
                      {canvases[b].key, target_key, static_cast<uint64_t>(index), static_cast<uint64_t>(t)});
        const Drawn drawn =
            draw_token(row, guided.size(1), step.temperature, options.filter, options.draw ? &random : nullptr);
        row += guided.size(1);
        rows[b].slots.push_back(t);
        rows[b].tokens.push_back(drawn.token);
        rows[b].confidences.push_back(drawn.confidence);
      }
      std::erase_if(active,
                    [&](size_t b) { return rows[b].tokens.back() == requests[b].stop || t + 1 >= requests[b].slots; });
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
