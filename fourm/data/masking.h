// Masking of a sample to an input and a target budget (paper section 2.3 and appendices C.1, E.4; the original's
// fourm/data/masking.py). Grids are masked at random positions, sequences in spans with sentinels. Inputs and targets of a
// modality are disjoint.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/core/rng.h"
#include "fourm/data/sample.h"
#include "fourm/text/sentinel.h"

namespace fourm {

/// One way of drawing budgets, one of a mixture.
struct MaskingComponent {
  std::string name;
  double weight = 1, input_others = 0, target_others = 0;
  std::map<std::string, double> input, target;
  std::map<std::string, std::string> keep;

  template <class Visitor>
  void fields(Visitor& v) {
    v("name", name, "its name in evaluations; empty = its number in the mixture", KeyRole::kChangeable);
    v("weight", weight, "sampling weight of this component, relative to the others", at_least(0));
    v("input", input, "modality -> Dirichlet alpha of its part of the input; 0 = never");
    v("input_others", input_others, "alpha of the input modalities that are not named", at_least(0));
    v("target", target, "modality -> Dirichlet alpha of its part of the target; 0 = never");
    v("target_others", target_others, "alpha of the target modalities that are not named", at_least(0));
    v("keep", keep,
      "sequence -> how much of it the input may keep: random (the default), all, or binary (all or none)");
  }
};

struct MaskingConfig {
  std::vector<int64_t> input_tokens{128, 128}, target_tokens{128, 128};
  std::vector<MaskingComponent> mixture;
  bool redistribute = true, overlap = true;

  template <class Visitor>
  void fields(Visitor& v) {
    v("input_tokens", input_tokens, "minimum and maximum tokens of an input; drawn uniformly", at_least(0));
    v("target_tokens", target_tokens, "minimum and maximum tokens of a target", at_least(0));
    v("mixture", mixture, "ways of drawing budgets");
    v("redistribute", redistribute,
      "give what a modality cannot use to the others, so that budgets are used fully; the original loses it");
    v("overlap", overlap, "targets may lie where pixels are given; false: only elsewhere, as masked autoencoders do");
  }
};

/// The masking of samples that have these modalities alone: alphas of others are left out, and components that then
/// have no input or no target.
MaskingConfig restricted(MaskingConfig config, const ModalityTable& table, const std::vector<std::string>& inputs,
                         const std::vector<std::string>& targets, int64_t image_size = 224, int64_t patch_size = 16);

/// The modalities that a recipe reads from a set, and the masking of its samples.
struct SetRecipe {
  std::vector<std::string> inputs, targets;  ///< names of modalities
  MaskingConfig masking;
};

/// The masking of a recipe for a set that has only its inputs and targets (restricted()). `warning` is called with a message
/// about the components that are left out. Error when no component with a weight above 0 is left.
MaskingConfig masking_of_set(const SetRecipe& recipe, const ModalityTable& table, int64_t image_size,
                             int64_t patch_size, const std::function<void(const std::string&)>& warning);

/// Whether a model can predict tokens of a modality: pixels and embeddings are inputs only.
bool can_be_target(ModalityKind kind);

/// Gives each component without a name its number in the mixture, so that it keeps that name when others are left out.
/// Error on two components of one name, whose measures would overwrite each other.
MaskingConfig with_names(MaskingConfig config);

class BudgetShares;

class Masker {
 public:
  /// `inputs` and `targets`: the modalities of the model; pixels and embeddings are never targets. Error on alphas for
  /// modalities that are not among them, on negative numbers and on empty ranges.
  /// `image_size` and `patch_size`: those of the model, for grids that do not fix their own.
  Masker(const MaskingConfig& config, const ModalityTable& table, const std::vector<std::string>& inputs,
         const std::vector<std::string>& targets, SentinelRange sentinels, int64_t image_size = 224,
         int64_t patch_size = 16);

  /// A sequence in `sample` ends with [EOS], if it was not cut. The result depends on the sample and on `random` alone.
  /// Modalities that the sample lacks get nothing; a component is drawn among those that have an input and a target in
  /// the sample, or among all where none has.
  MaskedSample operator()(const TokenSample& sample, Random random) const;

 private:
  enum class Keep { kRandom, kAll, kBinary };
  struct Slot {
    std::string name;
    ModalityKind kind;
    int64_t side = 0;        // tokens per side of a grid laid over the image; 0: no such grid
    int64_t max_tokens = 0;  // of the modality
  };
  struct Component {
    std::vector<double> input, target;  // alphas by slot
    std::vector<Keep> keep;
  };
  struct State;
  State begin(const TokenSample& sample) const;
  void mask_inputs(State& state, const Component& component, int64_t budget, Random& random) const;
  void leave_out_given_pixels(State& state) const;
  void mask_targets(State& state, const Component& component, int64_t budget, Random& random) const;
  void give_to_grids(State& state, const BudgetShares& shares, int64_t unused, Random& random) const;
  double draw_keep(Keep keep, Random& random) const;
  const Component& draw_component(const std::vector<const ModalityData*>& data, Random& random) const;

  std::vector<Slot> slots_;  // all modalities, sorted by name
  std::vector<Component> components_;
  std::vector<double> weights_;
  MaskingConfig config_;
  SentinelRange sentinels_;
};

}  // namespace fourm
