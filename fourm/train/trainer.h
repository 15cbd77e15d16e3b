// The training loop: what is common to tokenizers, pre-training and transfers.
//
// Bit-exact resume needs no generator state: an objective draws the batch of micro-step i from (seed, i) alone, and all
// that changes while training is in the checkpoint (weights, buffers, optimizer, averages).
//
// The processes of a group each compute their part of a micro-batch. What an objective returns of it are shares, whose sums
// over the processes are the values of the whole micro-batch. The first process alone writes the run folder.
#pragma once

#include "fourm/dist/process_group.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/nn/parameters.h"
#include "fourm/train/optimizer.h"
#include "fourm/train/run.h"

namespace fourm {

struct StepResult {
  Tensor loss;  ///< scalar, with its graph: the share of this process
  /// Shares of the same names in all processes, averaged between records. Scalars on a device are read when a record is
  /// written.
  Metrics metrics;
  std::map<std::string, Tensor> scalars{};
};

/// The value of a measure without learning.
struct Baseline {
  double value;
  bool higher_is_better;
  std::string what;  ///< "the mean colour of each patch"
};

struct Evaluation {
  Metrics metrics;
  std::map<std::string, std::string> images;  ///< name -> PNG file
  std::map<std::string, Baseline> baselines;  ///< measure -> what it should be better than
  std::string main = "loss";                  ///< the measure by which training.keep_best chooses
  bool higher_is_better = false;
};

class Objective {
 public:
  virtual ~Objective() = default;
  /// Weights (trainable) and buffers. The same tensors all the time.
  virtual Parameters& parameters() = 0;
  /// The loss of micro-batch `index`, which must be a pure function of seed and index. Buffers do not change here.
  virtual StepResult loss(int64_t index) = 0;
  /// Updates buffers (codebook statistics), once a step: after the losses of all its micro-batches, before the optimizer
  /// changes the weights. `step` counts from 0.
  virtual void update_buffers(int64_t /*step*/) {}
  /// Whether a step may be skipped after loss(). False where loss() has already changed buffers (codebook statistics), or
  /// where the host does not read the loss before the buffers are updated.
  virtual bool can_skip_steps() const { return true; }
  /// After `step` steps, by all processes; the result of the first counts. The weights are the averages, if averages are
  /// kept.
  virtual Evaluation evaluate(int64_t step) = 0;
  /// Writes the finished model into an existing folder.
  virtual void save(const fs::path& folder) = 0;
};

/// Error on invalid values of the training options.
void check_training(const TrainingConfig& config);

/// Error where the path of a recipe's key does not exist. Empty paths and patterns of shards pass.
void check_exists(const char* key, const std::string& path);

/// The precision that `training.precision` of a recipe means: for "auto" that which the run began with (`begun`), for a
/// new run bf16 where the processor is fast at it (`bf16_fast`), else f32. Warns of bf16 where it is slow.
std::string resolve_precision(const std::string& requested, const std::optional<std::string>& begun, bool bf16_fast);

/// Trains, or resumes from the newest checkpoint of the folder. At the end `folder`/model holds the finished model; a
/// line names it and its last measures, and a warning those that are no better than their baselines. At least one step
/// is done before `stop` ends the run. A step whose loss or gradient is not finite, or whose gradient reaches skip_norm,
/// changes neither weights nor optimizer nor averages. It is counted in the record `skipped_steps` with a warning, and is an
/// Error where the run has skipped more than max_skipped, or the objective cannot skip steps.
///
/// All processes of `group` call it with the same objective; checkpoints are read by each. GroupError where one computes on
/// another device or in another precision.
Outcome train(Objective& objective, const TrainingConfig& config, const RunRecipe& recipe, const fs::path& folder,
              const StopToken& stop, const ProcessGroup& group = {});

/// GroupError where a process has another recipe than the first: to be called before anything is made of it.
template <class Recipe>
void check_same_recipe(const Recipe& recipe, const ProcessGroup& group) {
  group.check_same("recipe", yaml_text(to_yaml(recipe)));
}

/// The same for a recipe: a config with `out` (the run folder) and `training`. The folder records its precision.
template <class Recipe>
Outcome train(Objective& objective, Recipe recipe, const StopToken& stop = {}, const ProcessGroup& group = {}) {
  const auto begun = RunFolder::stored_value(recipe.out, "training.precision");
  recipe.training.precision = resolve_precision(recipe.training.precision, begun, bf16_is_fast(recipe.training.device));
  return train(objective, recipe.training, run_recipe(recipe), recipe.out, stop, group);
}

}  // namespace fourm
