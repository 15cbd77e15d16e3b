// The settings that a target has when no plan is given: rules in a YAML file, generation.yaml of a model folder, or those
// that the authors of 4M use in their demo (the original's fourm/demo_4M_sampler.py, super-resolution included).
#pragma once

#include "fourm/generate/plan.h"

namespace fourm {

/// Applies to targets whose modality matches, where the inputs match too. The first rule that applies is used. If it is
/// partial, the next one that applies is used for the tokens that remain.
struct GenerationRule {
  /// Names with or without size; * stands for any characters: "tok_clip", "tok_*@448".
  std::vector<std::string> targets{};
  /// The rule applies where one of these is among the inputs (names as in `targets`). Inputs of which a part is kept count,
  /// but for those whose rest is generated. Empty: always.
  std::vector<std::string> inputs{};
  /// Targets that are generated before this one, where the model generates them and they are neither inputs nor targets.
  std::vector<std::string> chain{};
  Target settings{};

  /// Whether the rule generates only some tokens of a grid.
  bool is_partial() const { return settings.tokens > 0 && (settings.scheme == "maskgit" || settings.scheme == "roar"); }

  template <class Visitor>
  void fields(Visitor& v) {
    v("targets", targets, "names of modalities, with or without size; * stands for any characters");
    v("inputs", inputs, "the rule applies where one of these is an input and no target; empty: always");
    v("chain", chain, "modalities that are generated before the target, where they are neither inputs nor targets");
    v("tokens", settings.tokens,
      "as in a plan; after a rule with tokens and scheme maskgit or roar, the next rule that applies is used, too",
      at_least(0));
    settings.settings(v);
  }
  static void migrate(YAML::Node& node, const std::string& origin);
};

struct GenerationDefaults {
  std::vector<GenerationRule> rules{};
  bool grow_conditions = true, grow_text_conditions = true;
  int64_t top_k = 0;
  double top_p = 0;

  template <class Visitor>
  void fields(Visitor& v) {
    v("rules", rules,
      "settings of targets; the first rule that applies is used, and after one with tokens of a grid the next one, "
      "too");
    v("grow_conditions", grow_conditions, "finished targets become conditions of later ones");
    v("grow_text_conditions", grow_text_conditions, "finished texts do, too; the original adds grids only");
    v("top_k", top_k, "sample from the k most likely tokens; 0 = all", at_least(0));
    v("top_p", top_p,
      "nucleus sampling: sample from the smallest set of most likely tokens whose total probability exceeds p; 0 = all",
      Range{0, 1});
  }
  static void migrate(YAML::Node& node, const std::string& origin);

  /// Settings of the authors. `is_official`: of a model of official modalities; texts then are no conditions of later
  /// targets.
  static GenerationDefaults preset(bool is_official);
  static GenerationDefaults read(const fs::path& yaml);

  /// The plan of the targets, in their order, for these inputs. `outputs` are the modalities that the model generates.
  Plan plan(const std::vector<std::string>& targets, const std::vector<std::string>& inputs,
            const std::vector<std::string>& outputs) const;
};

/// Whether a modality matches a name with or without size, in which * stands for any characters.
bool matches_modality(const std::string& pattern, const std::string& modality);

}  // namespace fourm
