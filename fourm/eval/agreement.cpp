#include "fourm/eval/agreement.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/eval/answer.h"
#include "fourm/eval/held_out.h"

namespace fourm {
namespace {

std::vector<int64_t> tokens_of(const Pipeline& pipeline, const Canvas& answer, const Modality& modality) {
  std::vector<int64_t> tokens = pipeline.tokens(answer, modality.name);
  if (modality.is_sequence()) std::erase(tokens, pipeline.words().pad());
  return tokens;
}

}  // namespace

Json agreement(const Pipeline& one, const Pipeline& other, const EvaluateOptions& options) {
  check(options.inputs.size() == 1, "name one set of what is given, for example rgb");
  const std::string& set = options.inputs[0];
  const HeldOut held = HeldOut::read(one, options.data, options.count, options.inputs);
  Json outputs = Json::array();
  Progress progress("agreement", static_cast<int64_t>(held.subjects.size()));
  int64_t done = 0;
  for (const auto& subject : held.subjects) {
    const auto given = held.inputs(set, subject.name);
    progress.update(++done, subject.name);
    if (!subject.asked(given)) continue;
    const auto start = [&](size_t i) { return held.canvas(i, given); };
    const Modality modality = one.modality(subject.output);
    const std::vector<Target> target{most_likely(modality)};
    const auto first = answer(one, held.samples.size(), start, target, options.seed);
    const auto second = answer(other, held.samples.size(), start, target, options.seed);
    int64_t tokens = 0, equal = 0, whole = 0;
    for (size_t i = 0; i < first.size(); ++i) {
      const auto a = tokens_of(one, first[i], modality), b = tokens_of(other, second[i], modality);
      tokens += static_cast<int64_t>(std::max(a.size(), b.size()));
      for (size_t t = 0; t < std::min(a.size(), b.size()); ++t) equal += a[t] == b[t];
      whole += a == b;
    }
    outputs.push_back({{"modality", subject.output},
                       {"tokens", static_cast<double>(equal) / static_cast<double>(std::max<int64_t>(tokens, 1))},
                       {"answers", static_cast<double>(whole) / static_cast<double>(first.size())}});
  }
  check(!outputs.empty(), options.data.string(), ": nothing can be compared given ", set,
        "; the model writes nothing else that the data set holds and that has a tokenizer");
  return {{"data", options.data.string()},
          {"samples", held.samples.size()},
          {"left_out", held.left_out},
          {"given", set},
          {"outputs", std::move(outputs)}};
}

std::string agreement_table(const Json& report) {
  std::ostringstream out;
  out << counted(report["samples"], "sample") << " of " << report["data"].get<std::string>() << "\n\n"
      << std::left << std::setw(24) << concat(report["given"].get<std::string>(), " ->") << std::right << std::setw(14)
      << "equal tokens" << std::setw(15) << "equal answers"
      << "\n"
      << std::fixed << std::setprecision(1);
  for (const auto& output : report["outputs"])
    out << std::left << std::setw(24) << output["modality"].get<std::string>() << std::right << std::setw(12)
        << 100 * output["tokens"].get<double>() << " %" << std::setw(13) << 100 * output["answers"].get<double>()
        << " %\n";
  return out.str();
}

}  // namespace fourm
