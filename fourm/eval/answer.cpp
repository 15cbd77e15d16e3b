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

std::vector<Target> painting(const Pipeline& pipeline, const std::string& image,
                             const std::vector<std::string>& given) {
  const auto about = [](const std::vector<std::string>& names, const std::string& subject) {
    return std::find_if(names.begin(), names.end(), [&](const auto& name) { return subject_of(name) == subject; });
  };
  const std::vector<std::string> written = pipeline.writes();
  std::vector<Target> targets;
  for (const std::string subject : {"semseg", "depth"})
    if (const auto map = about(written, subject); map != written.end() && about(given, subject) == given.end())
      targets.push_back(painted(pipeline.modality(*map)));
  targets.push_back(painted(pipeline.modality(image)));
  return targets;
}

void answer_in_turn(const Pipeline& pipeline, std::vector<Canvas>& canvases, const std::vector<Target>& targets,
                    uint64_t seed) {
  Plan plan;
  plan.targets = targets;
  plan.top_p = 0.8;
  pipeline.run(canvases, plan, {seed, true, {}});
}

std::vector<Canvas> answer(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                           const std::vector<Target>& targets, uint64_t seed) {
  std::vector<Canvas> answers;
  while (answers.size() < n) {
    std::vector<Canvas> batch;
    for (size_t i = answers.size(); i < std::min(n, answers.size() + kBatch); ++i) batch.push_back(start(i));
    answer_in_turn(pipeline, batch, targets, seed);
    for (auto& canvas : batch) {
      canvas.entries = {*canvas.find(targets.back().modality)};
      answers.push_back(std::move(canvas));
    }
  }
  return answers;
}

}  // namespace fourm
