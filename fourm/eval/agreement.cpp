#include "fourm/eval/agreement.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/eval/evaluation_set.h"
#include "fourm/eval/predict.h"

namespace fourm {

AgreementResult agreement(const Pipeline& one, const Pipeline& other, const EvaluateOptions& options,
                          const ProcessGroup& group) {
  check(options.inputs.size() == 1, "name one input set, for example rgb");
  const std::string& inputs_name = options.inputs[0];
  const EvaluationSet set = EvaluationSet::read(one, options.data, options.count, options.inputs, group);
  AgreementResult result{options.data, inputs_name, static_cast<int64_t>(set.samples.size()), set.left_out, {}};
  Progress progress("agreement", static_cast<int64_t>(set.modalities.size()));
  int64_t done = 0;
  for (const auto& evaluated : set.modalities) {
    const auto inputs = set.inputs(inputs_name, evaluated.name);
    progress.update(++done, evaluated.name);
    if (!evaluated.is_target(inputs)) continue;
    const auto start = [&](size_t i) { return set.canvas(i, inputs); };
    const Modality modality = one.modality(evaluated.output);
    const std::vector<Target> target{most_likely(modality)};
    const auto first = predict(one, set.samples.size(), start, target, options.seed, group);
    const auto second = predict(other, set.samples.size(), start, target, options.seed, group);
    int64_t tokens = 0, equal_tokens = 0, equal_predictions = 0;
    for (size_t i = 0; i < first.size(); ++i) {
      const auto a = tokens_of(one, first[i], modality), b = tokens_of(other, second[i], modality);
      tokens += static_cast<int64_t>(std::max(a.size(), b.size()));
      for (size_t t = 0; t < std::min(a.size(), b.size()); ++t) equal_tokens += a[t] == b[t];
      equal_predictions += a == b;
    }
    result.outputs.push_back({evaluated.output,
                              static_cast<double>(equal_tokens) / static_cast<double>(std::max<int64_t>(tokens, 1)),
                              static_cast<double>(equal_predictions) / static_cast<double>(first.size())});
  }
  check(!result.outputs.empty(), options.data, ": nothing can be compared for the input ", inputs_name,
        "; the model generates no other modality that the data set has and that has a tokenizer");
  return result;
}

}  // namespace fourm
