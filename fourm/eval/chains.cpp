#include "fourm/eval/chains.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "fourm/core/error.h"
#include "fourm/core/finite_number.h"
#include "fourm/core/strings.h"
#include "fourm/draw/plot.h"
#include "fourm/eval/report.h"

namespace fourm {
namespace {

const std::vector<std::string> kKeys{"guidance", "steps", "temperature"};
constexpr const char* kUsualSteps[] = {"clip", "semseg", "depth", "det"};

// The model's output of a base name; of several sizes that of the image, else the first. Empty: none.
std::string output_of(const Pipeline& pipeline, const std::string& base, const std::string& image) {
  std::string found;
  for (const auto& output : pipeline.outputs())
    if (base_name(output) == base && (found.empty() || size_in_name(output) == size_in_name(image))) found = output;
  return found;
}

std::string image_of(const Pipeline& pipeline) {
  for (const auto& output : pipeline.outputs())
    if (base_name(output) == "rgb" && pipeline.has_tokenizer(output)) return output;
  fail("the model generates no images that a tokenizer decodes");
}

// Whether a sum of names has the input; "all" is everything but the image.
bool is_input(const std::string& base, const std::string& set) {
  return set == "all" || contains(split(set, '+'), base);
}

std::vector<std::string> usual_chains(const Pipeline& pipeline, const std::string& image, const std::string& set) {
  std::vector<std::string> chains{"direct"};
  for (const std::string base : kUsualSteps)
    if (!output_of(pipeline, base, image).empty() && !is_input(base, set)) chains.push_back(base);
  return chains;
}

// The targets of a chain, the image last.
std::vector<std::string> targets_of(const Pipeline& pipeline, const std::string& chain, const std::string& image,
                                    const std::string& set) {
  std::vector<std::string> targets;
  if (chain != "direct")
    for (const auto& base : split(chain, '+')) {
      const std::string output = output_of(pipeline, base_name(trim(base)), image);
      std::vector<std::string> names{"direct"};
      for (const auto& name : pipeline.outputs())
        if (name != image) names.push_back(base_name(name));
      check(!output.empty() && output != image, "the chain ", printable(chain), ": the model generates no ",
            printable(base), " before the image", did_you_mean(base, names), "; a chain is direct or a sum of ",
            join(names, ", "));
      check(!is_input(base_name(output), set), "the chain ", printable(chain), ": ", printable(base),
            " is an input already");
      targets.push_back(output);
    }
  targets.push_back(image);
  return targets;
}

Plan plan_of(const Pipeline& pipeline, const std::vector<std::string>& targets, const std::vector<std::string>& given) {
  Plan plan = pipeline.default_plan(given, targets);
  std::erase_if(plan.targets, [&](const Target& target) { return !contains(targets, target.modality); });
  return plan;
}

void set(Plan& plan, const Pipeline& pipeline, const std::string& key, double value) {
  for (Target& target : plan.targets) {
    if (pipeline.modality(target.modality).kind == ModalityKind::kSequence) continue;
    if (key == "guidance") target.guidance = value, target.weights.clear();
    if (key == "steps") target.steps = static_cast<int64_t>(value);
    if (key == "temperature") target.temperature = value;
  }
}

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string title_of(const ChainsResult& result, const ChainsResult::Chain& chain) {
  return chain.value ? concat(chain.name, ", ", result.sweep, " ", text_of(*chain.value)) : chain.name;
}

// Null where the chain has no such measure.
const Comparison* find(const ChainsResult::Chain& chain, const std::string& measure) {
  const auto found = std::find_if(chain.measures.begin(), chain.measures.end(),
                                  [&](const Comparison& comparison) { return comparison.name == measure; });
  return found == chain.measures.end() ? nullptr : &*found;
}

std::vector<std::string> measures_of(const ChainsResult& result) {
  std::vector<std::string> names;
  for (const auto& chain : result.chains)
    for (const auto& measure : chain.measures)
      if (!contains(names, measure.name)) names.push_back(measure.name);
  return names;
}

}  // namespace

Sweep Sweep::parse(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string where = concat("the sweep ", printable(text), ": ");
  check(equals != std::string::npos, where, "expected KEY=VALUE,VALUE, such as guidance=1,2,3");
  Sweep sweep{trim(text.substr(0, equals)), {}};
  check(contains(kKeys, sweep.key), where, "unknown setting ", printable(sweep.key), did_you_mean(sweep.key, kKeys),
        "; known: ", join(kKeys, ", "));
  for (const auto& piece : split(text.substr(equals + 1), ',')) {
    const auto number = finite_number(trim(piece));
    check(number.has_value(), where, printable(piece), " is not a number");
    const double value = *number;
    check(sweep.key != "steps" || (value >= 1 && value == std::floor(value) && value <= 100000), where,
          "steps are integers from 1 on, got ", value);
    check(sweep.key != "temperature" || value >= 0, where, "a temperature is at least 0, got ", value);
    sweep.values.push_back(value);
  }
  return sweep;
}

ChainsResult compare_chains(const Pipeline& pipeline, const EvaluateOptions& options,
                            const std::vector<std::string>& chains, const Sweep& sweep, const ProcessGroup& group) {
  check(options.inputs.size() == 1, "chains are compared for one input set, got ", join(options.inputs, ", "));
  const std::string image = image_of(pipeline), &set_of_inputs = options.inputs[0];
  std::vector<std::string> given;
  if (set_of_inputs != "all")
    for (const auto& base : split(set_of_inputs, '+')) given.push_back(pipeline.input_name(base));
  ChainsResult result{options.data, set_of_inputs, sweep.key, 0, 0, {}, {}};
  std::vector<ImagePlan> plans;
  const auto add = [&](const std::string& chain, const Plan& plan, std::optional<double> value) {
    result.chains.push_back({chain == "direct" ? chain : "via " + chain, value, {}});
    plans.push_back({title_of(result, result.chains.back()), plan});
  };
  for (const auto& chain : chains.empty() ? usual_chains(pipeline, image, set_of_inputs) : chains) {
    Plan plan = plan_of(pipeline, targets_of(pipeline, chain, image, set_of_inputs), given);
    if (sweep.values.empty()) add(chain, plan, {});
    for (const double value : sweep.values) {
      set(plan, pipeline, sweep.key, value);
      add(chain, plan, value);
    }
  }
  EvaluationResult measured = evaluate_images(pipeline, options, plans, group);
  for (size_t i = 0; i < plans.size(); ++i) result.chains[i].measures = std::move(measured.input_sets[i].measures);
  result.samples = measured.samples;
  result.left_out = measured.left_out;
  for (auto& missing : measured.not_measured)
    if (missing.what.starts_with("rgb")) result.not_measured.push_back(std::move(missing));
  return result;
}

Json to_json(const ChainsResult& result) {
  Json json{{"data", result.data},    {"samples", result.samples}, {"left_out", result.left_out},
            {"given", result.inputs}, {"chains", Json::array()},   {"not_measured", Json::array()}};
  for (const auto& chain : result.chains) {
    Json row{{"chain", chain.name}};
    if (chain.value) row[result.sweep] = *chain.value;
    row["measures"] = Json::array();
    for (const auto& measure : chain.measures) row["measures"].push_back(to_json(measure));
    json["chains"].push_back(std::move(row));
  }
  for (const auto& [what, reason] : result.not_measured)
    json["not_measured"].push_back({{"what", what}, {"reason", reason}});
  return json;
}

std::string chains_table(const ChainsResult& result) {
  std::string out = concat(counted(result.samples, "sample"), " of ", result.data, ", ", result.inputs, " -> rgb\n");
  const auto line = [&](const char* pattern, auto... values) {
    char text[256];
    std::snprintf(text, sizeof text, pattern, values...);
    out += text;
  };
  for (const auto& name : measures_of(result)) {
    bool is_first = true;
    for (const auto& chain : result.chains) {
      const Comparison* measure = find(chain, name);
      if (!measure) continue;
      if (std::exchange(is_first, false))
        line("\n%-40s %8s %-11s %8s %9s %9s\n", concat(name, measure->higher ? " (higher)" : " (lower)").c_str(),
             "model", "   (95 %)", "ceiling", "baseline", "closed");
      const int places = measure->unit.empty() ? 3 : 1;
      const auto closed = measure->gap_closed();
      line("  %-38s %8.*f +- %-8.*f %8.*f %9.*f %9s\n", title_of(result, chain).c_str(), places, measure->model.mean,
           places, measure->model.half_width, places, measure->ceiling, places, measure->baseline,
           closed ? concat(std::lround(100 * *closed), " %").c_str() : "-");
    }
  }
  if (!result.not_measured.empty()) out += "\nnot measured\n";
  for (const auto& [what, reason] : result.not_measured) out += concat("  ", what, ": ", reason, "\n");
  return out;
}

std::string sweep_svg(const ChainsResult& result) {
  check(!result.sweep.empty(), "[sweep_svg] there is no sweep");
  Plot plot{concat(result.inputs, " -> rgb"),
            concat(counted(result.samples, "sample"), "; bars: 95 %"),
            result.sweep,
            false,
            {}};
  std::vector<std::string> names;
  for (const auto& chain : result.chains)
    if (!contains(names, chain.name)) names.push_back(chain.name);
  for (const auto& measure : measures_of(result)) {
    PlotPanel panel{measure, {}};
    for (const auto& name : names) panel.series.push_back({.name = name});
    for (const auto& chain : result.chains) {
      const Comparison* found = find(chain, measure);
      if (!found) continue;
      const auto series = std::find(names.begin(), names.end(), chain.name) - names.begin();
      panel.series[static_cast<size_t>(series)].points.push_back(
          {*chain.value, found->model.mean, found->model.half_width});
    }
    plot.panels.push_back(std::move(panel));
  }
  return plot_svg(plot);
}

}  // namespace fourm
