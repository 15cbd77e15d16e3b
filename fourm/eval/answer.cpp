#include "fourm/eval/answer.h"

#include <algorithm>

namespace fourm {

constexpr size_t kBatch = 25;

Target most_likely(const Modality& modality) {
  Target target;
  target.modality = modality.name;
  target.scheme = modality.kind == ModalityKind::kSequence ? "autoregressive" : "roar";
  target.temperature = 0;
  return target;
}

Target painted(const Modality& modality) {
  Target target;
  target.modality = modality.name;
  target.scheme = "maskgit";
  target.steps = 12;
  target.temperature_schedule = "linear";
  target.guidance = 2;
  return target;
}

void answer_in_turn(const Pipeline& pipeline, std::vector<Canvas>& canvases, const std::vector<Target>& targets,
                    uint64_t seed) {
  Plan plan;
  plan.targets = targets;
  plan.top_p = 0.8;
  pipeline.run(canvases, plan, {seed, true, {}});
}

std::vector<Canvas> answer(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                           const Target& target, uint64_t seed) {
  std::vector<Canvas> answers;
  while (answers.size() < n) {
    std::vector<Canvas> batch;
    for (size_t i = answers.size(); i < std::min(n, answers.size() + kBatch); ++i) batch.push_back(start(i));
    answer_in_turn(pipeline, batch, {target}, seed);
    for (auto& canvas : batch) {
      canvas.entries = {*canvas.find(target.modality)};
      answers.push_back(std::move(canvas));
    }
  }
  return answers;
}

}  // namespace fourm
