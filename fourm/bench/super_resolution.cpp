// Super-resolution from 224 to 448 pixels, as the official 4M-SR models do it (paper appendix A.1).
#include "fourm/bench/random_weights.h"
#include "fourm/bench/workload.h"
#include "fourm/core/log.h"
#include "fourm/core/rng.h"
#include "fourm/generate/generator.h"

namespace fourm {
namespace {

constexpr int64_t kAllSteps = 8;  // of MaskGIT, for each target
constexpr double kGuidance = 2;   // as in the defaults (generate/defaults.h)

// A caption of 12 tokens, and tokens of CLIP features and RGB at 224 pixels.
Canvas first_stage(const FourM& model, const SequenceIds& ids) {
  Canvas canvas;
  std::vector<int64_t> text;
  for (int64_t i = 0; i < 12; ++i) text.push_back(1000 + 100 * i);
  text.push_back(ids.eos);
  canvas.add_text("caption", text, ids);
  Random random(7);
  for (const char* name : {"tok_clip@224", "tok_rgb@224"}) {
    const Modality& modality = model.encoder.embedding(name).modality;
    ModalityData data;
    for (int64_t i = 0; i < modality.max_tokens; ++i) data.ids.push_back(random.below(modality.vocab_size));
    canvas.add_known(name, std::move(data));
  }
  for (const char* name : {"tok_clip@448", "tok_rgb@448"})
    canvas.add_grid(name, model.decoder.embedding(name).modality.max_tokens);
  return canvas;
}

// The first of the eight steps of each target.
std::vector<Step> first_steps(const FourM& model) {
  Plan plan;
  plan.conditions = {"caption", "tok_clip@224", "tok_rgb@224"};
  for (const char* name : {"tok_clip@448", "tok_rgb@448"})
    plan.targets.push_back(Target{.modality = name, .scheme = "maskgit", .steps = kAllSteps, .guidance = kGuidance});
  std::vector<Step> steps;
  for (const Step& step : expand(plan, model.modalities()))
    if (step.tokens_before == 0) steps.push_back(step);
  return steps;
}

std::vector<Workload> open(const BenchSetting& setting, const std::vector<std::string>& names) {
  const fs::path folder = setting.model.empty() ? random_super_resolution_model(setting) : setting.model;
  if (names.empty()) return {};
  const Stopwatch watch;
  const auto model = std::make_shared<const FourM>(load_model(open_model_files(folder), setting.compute));
  const double ready = watch.seconds();
  const SequenceIds ids;
  const Canvas empty = first_stage(*model, ids);
  const std::vector<Step> steps = first_steps(*model);
  return {{"sr448", 1, ready, model->config().dim, model->config().mlp_hidden(), 1,
           [=](const std::function<void()>& between_steps) {
             std::vector<Canvas> canvases{empty};
             GenerateOptions options;
             options.on_step = [&](const StepReport& report) {
               if (report.step + 1 < report.steps) between_steps();
               return true;
             };
             generate(*model, steps, canvases, options);
           }}};
}

}  // namespace

Family super_resolution_family() { return {{"sr448"}, open}; }

}  // namespace fourm
