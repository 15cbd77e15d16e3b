#include "fourm/generate/plan.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/config.h"
#include "fourm/core/strings.h"
#include "fourm/generate/schedule.h"

namespace fourm {
namespace {

// 0 or more; NaN and infinity are refused too.
void check_amount(const std::string& what, double value) {
  check(std::isfinite(value) && value >= 0, what, " is ", value, ", expected a finite number from 0 on");
}

void check_numbers(const Target& target) {
  const std::string where = "modality '" + target.modality + "': the ";
  check_amount(where + "temperature", target.temperature);
  check_amount(where + "number of tokens", static_cast<double>(target.tokens));
  check(std::isfinite(target.guidance), where, "guidance scale is ", target.guidance, ", expected a finite number");
  for (const double weight : target.weights)
    check(std::isfinite(weight), where, "guidance weight ", weight, " is not a finite number");
  check(target.weights.empty() || (target.guidance == 1 && target.guidance_schedule == "constant"), where,
        "plan has 'weights' and also 'guidance' or 'guidance_schedule'; give weights or a guidance scale, not both");
}

// A sequence is generated token by token in a single step, up to its stop token.
void check_sequence_keys(const Target& target) {
  const Target defaults;
  const auto refuse = [&](bool is_set, const char* key) {
    check(!is_set, "modality '", target.modality, "' is a sequence: the plan's key '", key,
          "' does not apply to it; leave it out");
  };
  refuse(target.steps != defaults.steps, "steps");
  refuse(target.schedule != defaults.schedule, "schedule");
  refuse(target.temperature_schedule != defaults.temperature_schedule, "temperature_schedule");
  refuse(target.guidance_schedule != defaults.guidance_schedule, "guidance_schedule");
}

}  // namespace

Scheme parse_scheme(const std::string& text) {
  if (text == "maskgit") return Scheme::kMaskGit;
  if (text == "roar") return Scheme::kRoar;
  if (text == "autoregressive") return Scheme::kAutoregressive;
  fail("unknown scheme ", printable(text), "; known: maskgit, roar, autoregressive");
}

Plan read_plan(const fs::path& yaml) {
  Plan plan;
  load_config(yaml, {}, plan);
  check(!plan.targets.empty(), yaml.string(), ": the plan has no targets");
  return plan;
}

std::vector<Step> expand(const Plan& plan, const std::function<Modality(const std::string&)>& modality) {
  check_amount("top_k", static_cast<double>(plan.top_k));
  check_amount("top_k_share", plan.top_k_share);
  check_amount("top_p", plan.top_p);
  check(plan.top_k == 0 || plan.top_k_share == 0, "the plan has top_k ", plan.top_k, " and top_k_share ",
        plan.top_k_share, "; give one of them");
  std::vector<Step> steps;
  std::vector<std::string> conditions = plan.conditions;
  for (const Target& target : plan.targets) {
    check_numbers(target);
    const Modality info = modality(target.modality);
    const bool sequence = info.kind == ModalityKind::kSequence;
    check(sequence || info.kind == ModalityKind::kTokens, "modality '", info.name, "' cannot be generated");
    const Scheme scheme = !target.scheme.empty() ? parse_scheme(target.scheme)
                          : sequence             ? Scheme::kAutoregressive
                                                 : Scheme::kMaskGit;
    check(sequence == (scheme == Scheme::kAutoregressive), "modality '", info.name, "' is a ",
          sequence ? "sequence: its scheme is autoregressive" : "grid: its scheme is maskgit or roar");
    check(target.weights.empty() || target.weights.size() == conditions.size(), "modality '", info.name,
          "': ", target.weights.size(), " guidance weights for ", conditions.size(), " conditions (",
          join(conditions, ", "), ")");
    const auto guidance = [&](double scale) {
      if (target.weights.empty()) return Guidance{conditions, scale, {}};
      Guidance weighted;
      for (size_t i = 0; i < conditions.size(); ++i) weighted.terms.push_back({{conditions[i]}, target.weights[i]});
      return weighted;
    };
    if (scheme == Scheme::kAutoregressive) {
      check_sequence_keys(target);
      check(target.tokens == 0 || (target.tokens >= 2 && target.tokens <= info.max_tokens), "modality '", info.name,
            "': the plan's number of tokens is ", target.tokens, ", expected 2 to ", info.max_tokens,
            " ([S_1] is one of them)");
      steps.push_back({.target = target.modality,
                       .scheme = scheme,
                       .temperature = target.temperature,
                       .guidance = guidance(target.guidance),
                       .tokens_total = target.tokens});
      continue;
    }
    const int64_t total = info.max_tokens;
    check(target.tokens == 0 || target.tokens == total, "modality '", info.name, "' is always generated whole, with ",
          total, " tokens; the plan's number of tokens is ", target.tokens, ": leave it out");
    check(target.schedule.empty() || target.schedule == "cosine" || target.schedule == "linear",
          "unknown token schedule ", printable(target.schedule), "; known: cosine, linear");
    const bool cosine = scheme == Scheme::kMaskGit && target.schedule != "linear";
    const auto counts = cosine ? cosine_tokens(total, target.steps) : linear_tokens(total, target.steps);
    const auto step_temperatures = temperatures(target.temperature_schedule, target.temperature, counts);
    const auto scales = guidance_scales(target.guidance_schedule, target.guidance, counts.size());
    int64_t before = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      steps.push_back({.target = target.modality,
                       .scheme = scheme,
                       .tokens = counts[i],
                       .temperature = step_temperatures[i],
                       .guidance = guidance(scales[i]),
                       .tokens_before = before,
                       .tokens_total = total});
      before += counts[i];
    }
    if (plan.grow_conditions) conditions.push_back(target.modality);
  }
  return steps;
}

Target default_target(const Modality& modality, bool from_pixels) {
  Target target;
  target.modality = modality.name;
  if (modality.kind == ModalityKind::kSequence) {
    target.scheme = "autoregressive";
    target.temperature = 0.3;
  } else if (from_pixels) {
    target.scheme = "roar";
    target.temperature = 0.01;
    target.guidance = 2;
  } else {
    target.scheme = "roar";
    target.steps = 8;
    target.temperature = 3;
    target.temperature_schedule = "onex:0.5:0.5";
    target.guidance = 2;
  }
  return target;
}

}  // namespace fourm
