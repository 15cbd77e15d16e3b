#include "fourm/generate/defaults.h"

#include <algorithm>

#include "fourm/core/strings.h"
#include "fourm/modality/modality_name.h"

namespace fourm {
namespace {

// Settings of the original's demo (fourm/demo_4M_sampler.py), super-resolution included.
constexpr const char* kPreset = R"(
top_p: 0.8
rules:
  - {targets: [caption, det], scheme: autoregressive, temperature: 0.3}
  - {targets: [metadata, human_poses, color_palette], scheme: autoregressive, temperature: 0.1}
  - {targets: [sam_instance], scheme: autoregressive, temperature: 0.01}
  - {targets: [tok_rgb@448], chain: [tok_clip@448], scheme: maskgit, steps: 8, schedule: cosine, guidance: 2}
  - {targets: ["*@448"], scheme: maskgit, steps: 8, schedule: cosine, guidance: 2}
  - {targets: ["tok_*"], inputs: [rgb, tok_rgb], scheme: roar, steps: 1, temperature: 0.01, guidance: 2}
  - {targets: ["tok_dinov2*", "tok_imagebind*"], scheme: roar, steps: 8, temperature: 0.01, guidance: 2}
  - {targets: [tok_clip], scheme: roar, steps: 50, temperature: 5, temperature_schedule: onex:0.5:0.5, guidance: 3}
  - {targets: [tok_rgb], scheme: roar, steps: 25, temperature: 3, temperature_schedule: onex:0.5:0.5, guidance: 2}
  - {targets: ["tok_*"], scheme: roar, steps: 8, temperature: 3, temperature_schedule: onex:0.5:0.5, guidance: 2}
)";

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*') return matches(pattern.substr(1), name) || (!name.empty() && matches(pattern, name.substr(1)));
  return !name.empty() && pattern[0] == name[0] && matches(pattern.substr(1), name.substr(1));
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& modality) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return matches_modality(pattern, modality); });
}

}  // namespace

bool matches_modality(const std::string& pattern, const std::string& modality) {
  return matches(pattern, modality) || matches(pattern, name_without_size(modality));
}

void GenerationRule::migrate(YAML::Node& node, const std::string& origin) { rename_key(node, "via", "chain", origin); }

void GenerationDefaults::migrate(YAML::Node& node, const std::string& origin) {
  rename_key(node, "grow_texts", "grow_text_conditions", origin);
}

GenerationDefaults GenerationDefaults::preset(bool is_official) {
  GenerationDefaults defaults;
  read_config(parse_yaml(kPreset, "the preset"), defaults, "the preset");
  defaults.grow_text_conditions = !is_official;
  return defaults;
}

GenerationDefaults GenerationDefaults::read(const fs::path& yaml) {
  GenerationDefaults defaults;
  load_config(yaml, {}, defaults);
  for (size_t i = 0; i < defaults.rules.size(); ++i)
    check(!defaults.rules[i].targets.empty(), yaml.string(), ": rules[", i, "] has no 'targets'");
  return defaults;
}

Plan GenerationDefaults::plan(const std::vector<std::string>& targets, const std::vector<std::string>& inputs,
                              const std::vector<std::string>& outputs) const {
  Plan plan;
  plan.grow_conditions = grow_conditions;
  plan.grow_text_conditions = grow_text_conditions;
  plan.top_k = top_k;
  plan.top_p = top_p;
  const auto applies = [&](const GenerationRule& rule, const std::string& modality) {
    return matches_any(rule.targets, modality) &&
           (rule.inputs.empty() || std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) {
              return matches_any(rule.inputs, input) && !contains(targets, input);
            }));
  };
  const GenerationRule otherwise;
  const auto rules_of = [&](const std::string& modality) {
    std::vector<const GenerationRule*> found;
    for (const auto& rule : rules) {
      if (!applies(rule, modality)) continue;
      found.push_back(&rule);
      if (!rule.is_partial()) break;
    }
    if (found.empty()) found.push_back(&otherwise);
    return found;
  };
  const auto add = [&](const std::string& modality) {
    for (const auto* rule : rules_of(modality)) {
      Target target = rule->settings;
      target.modality = modality;
      plan.targets.push_back(std::move(target));
    }
  };
  const auto is_planned = [&](const std::string& modality) {
    return std::any_of(plan.targets.begin(), plan.targets.end(),
                       [&](const Target& target) { return target.modality == modality; });
  };
  for (const auto& name : targets) {
    for (const auto* rule : rules_of(name))
      for (const auto& pattern : rule->chain)
        for (const auto& output : outputs)
          if (matches_modality(pattern, output) && !contains(inputs, output) && !contains(targets, output) &&
              !is_planned(output))
            add(output);
    add(name);
  }
  return plan;
}

}  // namespace fourm
