#include "fourm/bench/random_weights.h"
#include "fourm/bench/workload.h"
#include "fourm/core/log.h"
#include "fourm/core/rng.h"
#include "fourm/generate/generator.h"

namespace fourm {
namespace {

constexpr int64_t kSeveral = 0;  // as many samples as the setting says

struct GenerationTask {
  std::string input, target, scheme;
  int64_t count, steps;
  double temperature, guidance;
};

const std::map<std::string, GenerationTask> kGenerationTasks{
    {"roar1", {"rgb@224", "tok_depth@224", "roar", 1, 1, 0.01, 2}},
    {"maskgit8", {"rgb@224", "tok_normal@224", "maskgit", 1, 8, 1, 2}},
    {"caption", {"rgb@224", "caption", "autoregressive", 1, 1, 1, 1}},
    {"caption8", {"rgb@224", "caption", "autoregressive", kSeveral, 1, 1, 1}},
    {"t2i", {"caption", "tok_rgb@224", "roar", 1, 25, 1, 3}}};

constexpr int64_t kCaptionSlots = 40;

std::vector<Canvas> canvases_of(const GenerationTask& w, int64_t count, const FourM& model, const SequenceIds& ids) {
  std::vector<Canvas> canvases(static_cast<size_t>(count));
  for (size_t i = 0; i < canvases.size(); ++i) {
    Canvas& canvas = canvases[i];
    canvas.key = i;
    const Modality input = model.encoder.embedding(w.input).modality,
                   target = model.decoder.embedding(w.target).modality;
    if (input.is_sequence()) {  // as long as "a photo of a red boat on a lake"
      std::vector<int64_t> text;
      for (int64_t id = 0; id < 9; ++id) text.push_back(1000 + 100 * id);
      text.push_back(ids.eos);
      canvas.add_text(w.input, text, ids);
    } else {
      Random random(7, {i});
      ModalityData pixels;
      pixels.width = input.patch_numbers();
      for (int64_t k = 0; k < input.max_tokens * pixels.width; ++k)
        pixels.values.push_back(static_cast<float>(random.normal()));
      canvas.add_known(w.input, std::move(pixels));
    }
    if (target.is_sequence())
      canvas.add_empty_text(w.target, kCaptionSlots, ids);
    else
      canvas.add_grid(w.target, target.max_tokens);
  }
  return canvases;
}

std::vector<Step> steps_of(const GenerationTask& w, const FourM& model) {
  Plan plan;
  Target target;
  target.modality = w.target, target.scheme = w.scheme, target.steps = w.steps;
  target.temperature = w.temperature, target.guidance = w.guidance;
  plan.targets = {target};
  plan.conditions = {w.input};
  plan.top_p = 0.8;
  return expand(plan, model.modalities());
}

std::vector<Workload> generation_workloads(const BenchSetting& setting, const std::vector<std::string>& names) {
  const fs::path folder = setting.model.empty() ? random_model(setting) : setting.model;
  if (names.empty()) return {};
  const Stopwatch watch;
  const ModelFiles files = open_model_files(folder);
  const auto model = std::make_shared<const FourM>(load_model(files, setting.compute));
  const double ready = watch.seconds();
  GenerateOptions options;
  options.draft = draft_model(files, setting.compute);
  std::vector<Workload> workloads;
  for (const auto& name : names) {
    const GenerationTask& task = kGenerationTasks.at(name);
    const int64_t count = task.count == kSeveral ? setting.samples : task.count;
    const std::vector<Canvas> empty = canvases_of(task, count, *model, options.sequence_ids);
    const std::vector<Step> steps = steps_of(task, *model);
    workloads.push_back({name, count, ready, model->config().dim, model->config().mlp_hidden(), 1,
                         [=](const std::function<void()>& between_steps) {
                           auto canvases = empty;
                           GenerateOptions with_pauses = options;
                           with_pauses.on_step = [&](const StepReport& report) {
                             if (report.step + 1 < report.steps) between_steps();
                             return true;
                           };
                           generate(*model, steps, canvases, with_pauses);
                         }});
  }
  return workloads;
}

}  // namespace

Family generation_family() { return {names_of(kGenerationTasks), generation_workloads}; }

}  // namespace fourm
