#include "fourm/eval/agreement.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/eval/held_out.h"
#include "fourm/eval/predict.h"

namespace fourm {
namespace {

std::vector<int64_t> tokens_of(const Pipeline& pipeline, const Canvas& prediction, const Modality& modality) {
  std::vector<int64_t> tokens = pipeline.tokens(prediction, modality.name);
  if (modality.is_sequence()) std::erase(tokens, pipeline.text_tokenizer().pad());
  return tokens;
}

}  // namespace

AgreementResult agreement(const Pipeline& one, const Pipeline& other, const EvaluateOptions& options,
                          const ProcessGroup& group) {
  check(options.inputs.size() == 1, "name one input set, for example rgb");
  const std::string& set = options.inputs[0];
  const HeldOut held = HeldOut::read(one, options.data, options.count, options.inputs);
  AgreementResult result{options.data, set, static_cast<int64_t>(held.samples.size()), held.left_out, {}};
  Progress progress("agreement", static_cast<int64_t>(held.subjects.size()));
  int64_t done = 0;
  for (const auto& subject : held.subjects) {
    const auto inputs = held.inputs(set, subject.name);
    progress.update(++done, subject.name);
    if (!subject.is_target(inputs)) continue;
    const auto start = [&](size_t i) { return held.canvas(i, inputs); };
    const Modality modality = one.modality(subject.output);
    const std::vector<Target> target{most_likely(modality)};
    const auto first = predict(one, held.samples.size(), start, target, options.seed, group);
    const auto second = predict(other, held.samples.size(), start, target, options.seed, group);
    int64_t tokens = 0, equal_tokens = 0, equal_predictions = 0;
    for (size_t i = 0; i < first.size(); ++i) {
      const auto a = tokens_of(one, first[i], modality), b = tokens_of(other, second[i], modality);
      tokens += static_cast<int64_t>(std::max(a.size(), b.size()));
      for (size_t t = 0; t < std::min(a.size(), b.size()); ++t) equal_tokens += a[t] == b[t];
      equal_predictions += a == b;
    }
    result.outputs.push_back({subject.output,
                              static_cast<double>(equal_tokens) / static_cast<double>(std::max<int64_t>(tokens, 1)),
                              static_cast<double>(equal_predictions) / static_cast<double>(first.size())});
  }
  check(!result.outputs.empty(), options.data, ": nothing can be compared for the input ", set,
        "; the model generates no other modality that the data set has and that has a tokenizer");
  return result;
}

}  // namespace fourm
