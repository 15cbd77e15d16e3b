// A plan: the targets to generate, in which order and how; `expand` turns them into single steps.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/core/file.h"
#include "fourm/modality/modality.h"

namespace fourm {

enum class Scheme {
  kMaskGit,        ///< every masked position is sampled, the most confident are kept (Chang et al. 2022)
  kRoar,           ///< a random subset of the masked positions is sampled and kept
  kAutoregressive  ///< left to right; for sequences
};
Scheme parse_scheme(const std::string& text);  ///< Error on any other name

/// One step of classifier-free guidance (Ho and Salimans 2022) or of weighted multimodal guidance (paper section 4 and
/// appendix A.3):
/// logits = base + sum_i weight_i (logits given condition i - base).
struct Guidance {
  /// Conditions that the base pass omits: a grid is hidden, a text is replaced by one [S_1], T5 vectors by one
  /// zero. The only term is then the pass with all inputs, with weight `scale`.
  std::vector<std::string> conditions;
  double scale = 1;
  /// Weighted: the inputs of a term are its own conditions and what no term names; the base pass has none of the conditions.
  struct Term {
    std::vector<std::string> conditions;
    double weight = 1;
  };
  std::vector<Term> terms;

  bool active() const { return !terms.empty() || (scale != 1 && !conditions.empty()); }
};

/// Which tokens may be sampled. The filters are applied before the temperature.
struct Filter {
  int64_t top_k = 0;       ///< sample from the k most likely tokens; 0 = all
  double top_k_share = 0;  ///< sample from this share of the vocabulary; 0 = all
  /// Nucleus sampling: sample from the smallest set of most likely tokens whose total probability exceeds p; 0 = all.
  double top_p = 0;
};

struct Step {
  std::string target{};
  Scheme scheme = Scheme::kMaskGit;
  int64_t tokens = 0;      ///< to write in this step; 0 for kAutoregressive, which writes up to its stop token
  double temperature = 1;  ///< 0 takes the most likely token
  Guidance guidance{};
  Filter filter{};
  /// Tokens that the target's steps before this one write. A partly known target starts at the step at which that many tokens
  /// would be known.
  int64_t tokens_before = 0;
  /// Tokens of the target. Of a sequence its length, [S_1] included, so that one less is written; 0: all that the canvas
  /// has.
  int64_t tokens_total = 0;
  int64_t repeat = 1;  ///< of a sequence: runs, whose results are joined
};

/// An entry of a plan. A grid may have several: some of its tokens, then those of another target, then the rest.
struct Target {
  std::string modality{}, scheme{}, schedule{}, temperature_schedule = "constant", guidance_schedule = "constant";
  int64_t tokens = 0, steps = 1, repeat = 1;
  double temperature = 1, guidance = 1;
  std::vector<double> weights{};  ///< weighted guidance: one for each condition, finished targets being conditions too
  std::optional<int64_t> top_k{};
  std::optional<double> top_k_share{}, top_p{};

  template <class Visitor>
  void fields(Visitor& v) {
    v("modality", modality, "what to generate");
    v("tokens", tokens,
      "grid: number of its tokens that this entry generates; sequence: maximum length, [S_1] included; 0 = all that "
      "remain",
      at_least(0));
    v("repeat", repeat,
      "sequence, as the last target: the number of independent samples, which are concatenated (the original's "
      "generate_sam_dense)",
      Range{1, 1024});
    settings(v);
    v("weights", weights, "weighted multimodal guidance instead of a scale: one weight for each condition");
  }
  /// The keys that say how, but not what.
  template <class Visitor>
  void settings(Visitor& v) {
    v("scheme", scheme, "maskgit, roar or autoregressive; by kind when empty",
      OneOf{{"", "maskgit", "roar", "autoregressive"}});
    v("steps", steps, "decoding steps, of one token or more each (not for autoregressive)", at_least(1));
    v("schedule", schedule, "cosine or linear: tokens per step (maskgit: cosine when empty; roar is always linear)",
      OneOf{{"", "cosine", "linear"}});
    v("temperature", temperature, "sampling temperature; 0 takes the most likely token", at_least(0));
    v("temperature_schedule", temperature_schedule, "constant, linear or onex:MIN:POWER (not for autoregressive)");
    v("guidance", guidance, "guidance scale; 1 = none, below 0 pushes away from the conditions");
    v("guidance_schedule", guidance_schedule, "constant or cosine (not for autoregressive)",
      OneOf{{"constant", "cosine"}});
    v("top_k", top_k, "top_k of this target, instead of the plan's", at_least(0));
    v("top_k_share", top_k_share, "top_k_share of this target, instead of the plan's", Range{0, 1});
    v("top_p", top_p, "top_p of this target, instead of the plan's", Range{0, 1});
  }
};

struct Plan {
  std::vector<Target> targets;
  std::vector<std::string> conditions;  ///< what guidance leaves out; default: every entry without target tokens
  bool grow_conditions = true;          ///< finished targets become conditions of later targets
  bool grow_text_conditions = true;     ///< finished texts do, too; the original adds grids only
  int64_t top_k = 0;
  double top_k_share = 0, top_p = 0;

  template <class Visitor>
  void fields(Visitor& v) {
    v("targets", targets, "the targets, in the order of generation");
    v("conditions", conditions, "what guidance leaves out; default: every entry without target tokens");
    v("grow_conditions", grow_conditions, "finished targets become conditions of later ones");
    v("grow_text_conditions", grow_text_conditions, "finished texts do, too; the original adds grids only");
    v("top_k", top_k, "sample from the k most likely tokens; 0 = all", at_least(0));
    v("top_k_share", top_k_share, "instead of top_k: sample from this share of the vocabulary; 0 = all", Range{0, 1});
    v("top_p", top_p,
      "nucleus sampling: sample from the smallest set of most likely tokens whose total probability exceeds p; 0 = all",
      Range{0, 1});
  }
  static void migrate(YAML::Node& node, const std::string& origin);
  /// Of a target: its own where it has one.
  Filter filter(const Target& target) const;
};

Plan read_plan(const fs::path& yaml);  ///< Error on an unknown key or a value out of range

/// The plan as single steps. `modality` returns kinds and sizes. Error on numbers that are not finite, negative
/// temperatures, counts and filters, schedules that do not exist, settings that do not apply to the target's kind, and
/// a number of tokens that is more or less than a grid's own over all its entries or, of a sequence, outside
/// 2..max_tokens.
/// Where `weights` (of conditions, by name) are given, guidance is weighted: a condition or finished target without one
/// has the target's guidance scale.
std::vector<Step> expand(const Plan& plan, const std::function<Modality(const std::string&)>& modality,
                         const std::map<std::string, double>& weights = {});

}  // namespace fourm
