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

void check_numbers(const Target& target, bool has_weighted_inputs) {
  const std::string where = "modality '" + target.modality + "': the ";
  check_amount(where + "temperature", target.temperature);
  check_amount(where + "number of tokens", static_cast<double>(target.tokens));
  check(std::isfinite(target.guidance), where, "guidance scale is ", target.guidance, ", expected a finite number");
  for (const double weight : target.weights)
    check(std::isfinite(weight), where, "guidance weight ", weight, " is not a finite number");
  check(target.weights.empty() || (target.guidance == 1 && target.guidance_schedule == "constant"), where,
        "plan has 'weights' and also 'guidance' or 'guidance_schedule'; give weights or a guidance scale, not both");
  check(target.weights.empty() || !has_weighted_inputs, where,
        "plan has 'weights', and an input has a weight too; give one of them");
}

void check_filter(const std::string& where, const Filter& filter) {
  check_amount(where + "top_k", static_cast<double>(filter.top_k));
  check_amount(where + "top_k_share", filter.top_k_share);
  check_amount(where + "top_p", filter.top_p);
  check(filter.top_k == 0 || filter.top_k_share == 0, where, "top_k is ", filter.top_k, " and top_k_share ",
        filter.top_k_share, "; give one of them");
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

// The state while the targets of a plan are expanded in their order.
class Expansion {
 public:
  Expansion(const Plan& plan, const std::function<Modality(const std::string&)>& modality,
            const std::map<std::string, double>& weights)
      : plan_(plan), modality_(modality), weights_(weights), conditions_(plan.conditions) {}

  std::vector<Step> run() {
    for (const Target& target : plan_.targets) {
      check_numbers(target, !weights_.empty());
      const Modality info = modality_(target.modality);
      const bool is_sequence = info.kind == ModalityKind::kSequence;
      check(is_sequence || info.kind == ModalityKind::kTokens, "modality '", info.name, "' cannot be generated");
      is_sequence ? add_sequence(target, info) : add_grid(target, info);
      const bool grows = plan_.grow_conditions && (plan_.grow_text_conditions || !is_sequence);
      if (grows && !contains(conditions_, target.modality)) conditions_.push_back(target.modality);
    }
    for (const auto& [name, done] : generated_)
      check(done == modality_(name).max_tokens, "modality '", name, "': the plan generates ", done, " of ",
            modality_(name).max_tokens,
            " tokens; leave 'tokens' out of its last entry, which then generates the rest (a rule of generation.yaml "
            "with 'tokens' needs the scheme maskgit or roar, so that the next rule follows)");
    return std::move(steps_);
  }

 private:
  Scheme scheme_of(const Target& target, const Modality& info) const {
    const bool is_sequence = info.kind == ModalityKind::kSequence;
    const Scheme scheme = !target.scheme.empty() ? parse_scheme(target.scheme)
                          : is_sequence          ? Scheme::kAutoregressive
                                                 : Scheme::kMaskGit;
    check(is_sequence == (scheme == Scheme::kAutoregressive), "modality '", info.name, "' is a ",
          is_sequence ? "sequence: its scheme is autoregressive" : "grid: its scheme is maskgit or roar");
    return scheme;
  }

  // A target is no condition of itself: all passes see what is known of it.
  Guidance guidance_of(const Target& target, double scale) const {
    std::vector<std::string> conditions = conditions_;
    std::erase(conditions, target.modality);
    if (target.weights.empty() && weights_.empty()) return Guidance{conditions, scale, {}};
    check(target.weights.empty() || target.weights.size() == conditions.size(), "modality '", target.modality,
          "': ", target.weights.size(), " guidance weights for ", conditions.size(), " conditions (",
          join(conditions, ", "), ")");
    Guidance weighted;
    for (size_t i = 0; i < conditions.size(); ++i) {
      const auto own = weights_.find(conditions[i]);
      const double weight = !target.weights.empty() ? target.weights[i] : own != weights_.end() ? own->second : scale;
      weighted.terms.push_back({{conditions[i]}, weight});
    }
    return weighted;
  }

  Filter filter_of(const Target& target) const {
    const Filter filter = plan_.filter(target);
    check_filter("modality '" + target.modality + "': ", filter);
    return filter;
  }

  void add_sequence(const Target& target, const Modality& info) {
    const Scheme scheme = scheme_of(target, info);
    check_sequence_keys(target);
    check(target.tokens == 0 || (target.tokens >= 2 && target.tokens <= info.max_tokens), "modality '", info.name,
          "': the plan's number of tokens is ", target.tokens, ", expected 2 to ", info.max_tokens,
          " ([S_1] is one of them)");
    check(target.repeat == 1 || target.modality == plan_.targets.back().modality, "modality '", info.name,
          "': only the last target of a plan can have 'repeat', since its joined results may be longer than what the "
          "model reads");
    const auto is_same = [&](const Step& step) { return step.target == info.name; };
    check(std::none_of(steps_.begin(), steps_.end(), is_same), "modality '", info.name,
          "' is a sequence, which is generated whole: the plan names it twice");
    steps_.push_back({.target = target.modality,
                      .scheme = scheme,
                      .temperature = target.temperature,
                      .guidance = guidance_of(target, target.guidance),
                      .filter = filter_of(target),
                      .tokens_total = target.tokens,
                      .repeat = target.repeat});
  }

  void add_grid(const Target& target, const Modality& info) {
    const Scheme scheme = scheme_of(target, info);
    check(target.repeat == 1, "modality '", info.name, "' is a grid: the plan's key 'repeat' is for sequences");
    int64_t& done = generated_[info.name];
    const int64_t total = info.max_tokens, left = total - done;
    check(left > 0, "modality '", info.name, "': the plan names it again after all its ", total,
          " tokens; say in 'tokens' how many its first entry generates");
    check(target.tokens <= left, "modality '", info.name, "': 'tokens' is ", target.tokens, ", and ", left, " of its ",
          total, " tokens are left to generate");
    check(target.schedule.empty() || target.schedule == "cosine" || target.schedule == "linear",
          "unknown token schedule ", printable(target.schedule), "; known: cosine, linear");
    const int64_t tokens = target.tokens > 0 ? target.tokens : left;
    const bool cosine = scheme == Scheme::kMaskGit && target.schedule != "linear";
    const int64_t most = std::min(target.steps, tokens);  // a step generates one token or more
    const auto counts = cosine ? cosine_tokens(tokens, most) : linear_tokens(tokens, most);
    const auto step_temperatures = temperatures(target.temperature_schedule, target.temperature, counts);
    const auto scales = guidance_scales(target.guidance_schedule, target.guidance, counts.size());
    for (size_t i = 0; i < counts.size(); ++i) {
      steps_.push_back({.target = target.modality,
                        .scheme = scheme,
                        .tokens = counts[i],
                        .temperature = step_temperatures[i],
                        .guidance = guidance_of(target, scales[i]),
                        .filter = filter_of(target),
                        .tokens_before = done,
                        .tokens_total = total});
      done += counts[i];
    }
  }

  const Plan& plan_;
  const std::function<Modality(const std::string&)>& modality_;
  const std::map<std::string, double>& weights_;
  std::vector<std::string> conditions_;
  std::map<std::string, int64_t> generated_;  // tokens of each grid that the steps so far generate
  std::vector<Step> steps_;
};

}  // namespace

Scheme parse_scheme(const std::string& text) {
  if (text == "maskgit") return Scheme::kMaskGit;
  if (text == "roar") return Scheme::kRoar;
  if (text == "autoregressive") return Scheme::kAutoregressive;
  fail("unknown scheme ", printable(text), "; known: maskgit, roar, autoregressive");
}

void Plan::migrate(YAML::Node& node, const std::string& origin) {
  rename_key(node, "grow_texts", "grow_text_conditions", origin);
}

Plan read_plan(const fs::path& yaml) {
  Plan plan;
  load_config(yaml, {}, plan);
  check(!plan.targets.empty(), yaml.string(), ": the plan has no targets");
  return plan;
}

Filter Plan::filter(const Target& target) const {
  Filter filter{top_k, top_k_share, target.top_p.value_or(top_p)};
  if (target.top_k || target.top_k_share) {
    filter.top_k = target.top_k.value_or(0);
    filter.top_k_share = target.top_k_share.value_or(0);
  }
  return filter;
}

std::vector<Step> expand(const Plan& plan, const std::function<Modality(const std::string&)>& modality,
                         const std::map<std::string, double>& weights) {
  check_filter("the plan's ", {plan.top_k, plan.top_k_share, plan.top_p});
  return Expansion(plan, modality, weights).run();
}

}  // namespace fourm
