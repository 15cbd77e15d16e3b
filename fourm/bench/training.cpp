#include <algorithm>

#include "fourm/bench/random_weights.h"
#include "fourm/bench/training_step.h"
#include "fourm/core/rng.h"
#include "fourm/model/fourm.h"

namespace fourm {
namespace {

constexpr int64_t kTokens = 128;

// 128 input and 128 target tokens per sample, shared evenly by the token modalities. No token is both.
Batch random_batch(const FourM& model, int64_t count_of_samples) {
  std::vector<std::string> names;
  for (const auto& [name, output] : model.decoder.embeddings())
    if (output.modality.kind == ModalityKind::kTokens) names.push_back(name);
  const auto count = static_cast<int64_t>(names.size());
  std::vector<MaskedSample> samples(static_cast<size_t>(count_of_samples));
  for (int64_t i = 0; i < count_of_samples; ++i)
    for (int64_t m = 0; m < count; ++m) {
      const Modality modality = model.modality(names[m]);
      Random random(7, {static_cast<uint64_t>(i), static_cast<uint64_t>(m)});
      const auto slots = random.permutation(modality.max_tokens);
      const int64_t share =
          std::min(kTokens * (m + 1) / count - kTokens * m / count, modality.max_tokens / 2);  // inputs, then targets
      const auto run = [&](int64_t from) {
        TokenRun tokens{names[m], {}, {}, 0, {slots.begin() + from, slots.begin() + from + share}};
        for (int64_t k = 0; k < share; ++k) tokens.ids.push_back(random.below(modality.vocab_size));
        return tokens;
      };
      samples[i].inputs.push_back(run(0));
      samples[i].targets.push_back(run(share));
    }
  return pack(samples, model.modalities());
}

std::vector<Workload> training_workloads(const BenchSetting& setting, const std::vector<std::string>& names) {
  const fs::path folder = setting.model.empty() ? random_model(setting) : setting.model;
  std::vector<Workload> workloads;
  for (const auto& name : names) {
    const Stopwatch watch;
    const auto model = std::make_shared<FourM>(
        load_model(folder, ModalityTable::official(), Compute::for_training(setting.compute.device)));
    const auto loss = [model, batch = random_batch(*model, setting.samples)] { return model->loss(batch).total; };
    workloads.push_back(training_workload(name, setting, model->config(), model->parameters(), loss, watch));
  }
  return workloads;
}

}  // namespace

Family training_family() { return {{"train"}, training_workloads}; }

}  // namespace fourm
