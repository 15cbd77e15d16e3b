#include "fourm/generate/generator.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <mutex>
#include <numeric>

#include "fourm/core/error.h"
#include "fourm/core/parallel.h"
#include "fourm/core/stopped.h"
#include "fourm/generate/logits.h"
#include "fourm/generate/passes.h"
#include "fourm/generate/sampler.h"
#include "fourm/generate/schedule.h"
#include "fourm/generate/sequence.h"

namespace fourm {
namespace {

std::vector<int64_t> target_slots(const Canvas::Entry& entry) {
  std::vector<int64_t> slots;
  for (size_t i = 0; i < entry.target.size(); ++i)
    if (entry.target[i]) slots.push_back(static_cast<int64_t>(i));
  return slots;
}

// A MaskGIT or ROAR step.
class GridStep {
 public:
  GridStep(const FourM& model, const Step& step, int64_t index, std::vector<Canvas>& canvases,
           const GenerateOptions& options)
      : model_(model),
        step_(step),
        index_(index),
        canvases_(canvases),
        options_(options),
        target_key_(hash_text(step.target)) {}

  std::vector<StepReport::Row> run() {
    std::vector<StepReport::Row> rows(canvases_.size());
    const std::vector<Part> parts = choose_parts();
    if (parts.empty()) return rows;
    const std::vector<Drawn> drawn = sample(parts, guided_logits(parts));
    auto next = drawn.begin();
    for (const Part& part : parts) {
      const auto end = next + static_cast<std::ptrdiff_t>(part.slots.size());
      rows[part.canvas] = write(part, {next, end});
      next = end;
    }
    return rows;
  }

 private:
  // What the step samples on one canvas.
  struct Part {
    size_t canvas;
    std::vector<int64_t> slots;
    int64_t count;  // tokens that are kept
  };

  std::vector<Part> choose_parts() const {
    const Modality& modality = model_.decoder.embedding(step_.target).modality;
    const int64_t later = step_.tokens_total - step_.tokens_before - step_.tokens;
    std::vector<Part> parts;
    for (size_t b = 0; b < canvases_.size(); ++b) {
      const auto& entry = canvases_[b].at(step_.target);
      check(static_cast<int64_t>(entry.target.size()) == modality.max_tokens, "modality '", step_.target,
            "': ", entry.target.size(), " tokens on the canvas, the model has ", modality.max_tokens);
      auto slots = target_slots(entry);
      const int64_t count = remaining_tokens(step_.tokens, later, static_cast<int64_t>(slots.size()));
      if (count == 0) continue;
      if (step_.scheme == Scheme::kRoar) choose_roar_slots(b, count, slots);
      parts.push_back({b, std::move(slots), count});
    }
    return parts;
  }

  void choose_roar_slots(size_t b, int64_t count, std::vector<int64_t>& slots) const {
    if (options_.choose_slots) {
      slots = options_.choose_slots(index_, b);
      return;
    }
    Random random(options_.seed, {canvases_[b].key, target_key_, static_cast<uint64_t>(index_)});
    random.shuffle(slots);
    slots.resize(static_cast<size_t>(count));
    std::sort(slots.begin(), slots.end());  // samples with the same positions have them in the same order
  }

  Tensor guided_logits(const std::vector<Part>& parts) const {
    std::vector<const Canvas*> canvases;
    std::vector<std::vector<int64_t>> slots;
    for (const Part& part : parts) {
      canvases.push_back(&canvases_[part.canvas]);
      slots.push_back(part.slots);
    }
    const auto passes = passes_of(step_.guidance);
    const auto logits_of = model_.compute().reference ? reference_grid_logits : grid_logits;
    const auto logits =
        split_passes(logits_of(model_, step_.target, {canvases, passes, options_.sequence_ids}, slots), passes.size());
    Tensor guided = combine(logits, passes, step_.target);
    if (options_.on_logits) options_.on_logits(index_, logits, guided);
    return guided;
  }

  // A token for each slot of all parts. logits [n, V].
  std::vector<Drawn> sample(const std::vector<Part>& parts, const Tensor& logits) const {
    std::vector<Random> random;
    if (options_.draw)
      for (const Part& part : parts)
        for (const int64_t slot : part.slots)
          random.emplace_back(options_.seed, std::initializer_list<uint64_t>{canvases_[part.canvas].key, target_key_,
                                                                             static_cast<uint64_t>(index_),
                                                                             static_cast<uint64_t>(slot) + 1});
    return draw_tokens(logits, step_.temperature, step_.filter, std::move(random));
  }

  // Writes the tokens to the canvas; of MaskGIT the most confident ones.
  StepReport::Row write(const Part& part, const std::vector<Drawn>& drawn) {
    std::vector<int64_t> order(drawn.size());
    std::iota(order.begin(), order.end(), int64_t{0});
    if (step_.scheme == Scheme::kMaskGit) {
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t i, int64_t j) { return drawn[i].confidence > drawn[j].confidence; });
      order.resize(static_cast<size_t>(part.count));
    }
    auto& entry = canvases_[part.canvas].at(step_.target);
    StepReport::Row row;
    for (const int64_t i : order) {
      const int64_t slot = part.slots[i];
      entry.data.ids[slot] = drawn[i].token;
      entry.known[slot] = true;
      entry.target[slot] = false;
      row.slots.push_back(slot);
      row.tokens.push_back(drawn[i].token);
      row.confidences.push_back(drawn[i].confidence);
    }
    // Tokens that weighted conditions keep are hidden while their grid is generated, and known when it is complete.
    if (!entry.has_targets()) entry.known.assign(entry.known.size(), true);
    return row;
  }

  const FourM& model_;
  const Step& step_;
  int64_t index_;
  std::vector<Canvas>& canvases_;
  const GenerateOptions& options_;
  uint64_t target_key_;
};

}  // namespace

bool generate(const FourM& model, const std::vector<Step>& steps, std::vector<Canvas>& canvases,
              const GenerateOptions& options) {
  const InferenceGuard inference;
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    std::vector<StepReport::Row> rows;
    try {
      rows = steps[i].scheme == Scheme::kAutoregressive ? sequence_step(model, steps[i], index, canvases, options)
                                                        : GridStep(model, steps[i], index, canvases, options).run();
    } catch (const Stopped&) {
      return false;
    }
    if (options.on_step && !options.on_step({index, static_cast<int64_t>(steps.size()), steps[i], rows, canvases}))
      return false;
  }
  return true;
}

bool generate(const std::vector<const FourM*>& replicas, const std::vector<Step>& steps, std::vector<Canvas>& canvases,
              const GenerateOptions& options) {
  const size_t devices = std::min(replicas.size(), canvases.size());
  if (devices <= 1) return generate(*replicas.front(), steps, canvases, options);
  check(!options.on_logits && !options.choose_slots, "[generate] on_logits and choose_slots are for one device");
  std::vector<std::vector<Canvas>> parts(devices);
  const auto first = [&](size_t d) { return static_cast<std::ptrdiff_t>(canvases.size() * d / devices); };
  for (size_t d = 0; d < devices; ++d)
    parts[d].assign(std::move_iterator(canvases.begin() + first(d)),
                    std::move_iterator(canvases.begin() + first(d + 1)));
  std::mutex mutex;
  bool stopped = false;
  std::vector<size_t> done(steps.size());  // by step: the devices that have done it
  const auto on_step = [&](const StepReport& report) {
    const std::lock_guard lock(mutex);
    if (++done[static_cast<size_t>(report.step)] == devices && !stopped && options.on_step)
      stopped = !options.on_step(report);
    return !stopped;
  };
  const auto on_token = [&](int64_t step, int64_t tokens, int64_t most) {
    const std::lock_guard lock(mutex);
    if (!stopped) stopped = !options.on_token(step, tokens, most);
    return !stopped;
  };
  std::exception_ptr failure;
  const auto run = [&](int64_t d) {
    GenerateOptions own = options;
    own.on_step = on_step;
    if (options.on_token) own.on_token = on_token;
    if (d > 0) own.draft = nullptr;  // it computes where the first model does
    try {
      generate(*replicas[d], steps, parts[d], own);
    } catch (...) {
      const std::lock_guard lock(mutex);
      stopped = true;  // the others end with their present step
      if (!failure) failure = std::current_exception();
    }
  };
  parallel_for(static_cast<int64_t>(devices), run, static_cast<int>(devices));
  for (size_t d = 0; d < devices; ++d) std::move(parts[d].begin(), parts[d].end(), canvases.begin() + first(d));
  if (failure) std::rethrow_exception(failure);
  return !stopped;
}

}  // namespace fourm
