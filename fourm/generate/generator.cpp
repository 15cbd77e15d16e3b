#include "fourm/generate/generator.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <numeric>

#include "fourm/core/error.h"
#include "fourm/generate/passes.h"
#include "fourm/generate/sampler.h"
#include "fourm/generate/schedule.h"
#include "fourm/generate/scores.h"
#include "fourm/generate/sequence.h"

namespace fourm {
namespace {

std::vector<int64_t> wanted_slots(const Canvas::Entry& entry) {
  std::vector<int64_t> slots;
  for (size_t i = 0; i < entry.wanted.size(); ++i)
    if (entry.wanted[i]) slots.push_back(static_cast<int64_t>(i));
  return slots;
}

// One MaskGIT or ROAR step on all canvases at once.
std::vector<StepReport::Row> grid_step(const FourM& model, const Step& step, int64_t index,
                                       std::vector<Canvas>& canvases, const GenerateOptions& options) {
  const Modality& modality = model.decoder.embedding(step.target).modality;
  const uint64_t target_key = hash_text(step.target);
  std::vector<StepReport::Row> rows(canvases.size());
  std::vector<size_t> active;
  std::vector<const Canvas*> pointers;
  std::vector<std::vector<int64_t>> slots;
  std::vector<int64_t> counts;
  for (size_t b = 0; b < canvases.size(); ++b) {
    Canvas& canvas = canvases[b];
    const auto& entry = canvas.at(step.target);
    check(static_cast<int64_t>(entry.wanted.size()) == modality.max_tokens, "modality '", step.target,
          "': ", entry.wanted.size(), " tokens on the canvas, the model has ", modality.max_tokens);
    auto masked = wanted_slots(entry);
    const int64_t later = step.tokens_total - step.tokens_before - step.tokens;
    const int64_t count = remaining_tokens(step.tokens, later, static_cast<int64_t>(masked.size()));
    if (count == 0) continue;
    if (step.scheme == Scheme::kRoar) {
      if (options.choose_slots) {
        masked = options.choose_slots(index, b);
      } else {
        Random random(options.seed, {canvas.key, target_key, static_cast<uint64_t>(index)});
        random.shuffle(masked);
        masked.resize(static_cast<size_t>(count));
      }
    }
    active.push_back(b);
    pointers.push_back(&canvas);
    slots.push_back(std::move(masked));
    counts.push_back(count);
  }
  if (active.empty()) return rows;

  const auto passes = passes_of(step.guidance);
  const auto score = options.reference ? reference_grid_scores : grid_scores;
  const auto scores =
      split_passes(score(model, step.target, {pointers, passes, options.sequence_ids}, slots), passes.size());
  const Tensor guided = combine(scores, passes, step.target);
  if (options.on_scores) options.on_scores(index, scores, guided);

  const float* row = guided.data_ptr<float>();
  for (size_t a = 0; a < active.size(); ++a) {
    Canvas& canvas = canvases[active[a]];
    const auto n = static_cast<int64_t>(slots[a].size());
    std::vector<Drawn> drawn(static_cast<size_t>(n));
    const float* first = row;
    at::parallel_for(0, n, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        Random random(options.seed,
                      {canvas.key, target_key, static_cast<uint64_t>(index), static_cast<uint64_t>(slots[a][i]) + 1});
        drawn[i] = draw_token(first + i * guided.size(1), guided.size(1), step.temperature, options.filter,
                              options.draw ? &random : nullptr);
      }
    });
    row += n * guided.size(1);
    std::vector<int64_t> order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), int64_t{0});
    if (step.scheme == Scheme::kMaskGit) {
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t i, int64_t j) { return drawn[i].confidence > drawn[j].confidence; });
      order.resize(static_cast<size_t>(counts[a]));
    }
    auto& entry = canvas.at(step.target);
    auto& report = rows[active[a]];
    for (const int64_t i : order) {
      const int64_t slot = slots[a][i];
      entry.data.ids[slot] = drawn[i].token;
      entry.known[slot] = true;
      entry.wanted[slot] = false;
      report.slots.push_back(slot);
      report.tokens.push_back(drawn[i].token);
      report.confidences.push_back(drawn[i].confidence);
    }
  }
  return rows;
}

}  // namespace

bool generate(const FourM& model, const std::vector<Step>& steps, std::vector<Canvas>& canvases,
              const GenerateOptions& options) {
  const InferenceGuard inference;
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    const auto rows = steps[i].scheme == Scheme::kAutoregressive
                          ? sequence_step(model, steps[i], index, canvases, options)
                          : grid_step(model, steps[i], index, canvases, options);
    if (options.on_step && !options.on_step({index, static_cast<int64_t>(steps.size()), steps[i], rows, canvases}))
      return false;
  }
  return true;
}

}  // namespace fourm
