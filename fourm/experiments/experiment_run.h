// A pre-training run of an experiment, of which its best evaluation counts.
//
// Several processes may work on the same experiments: a run belongs to the process that has its folder open.
#pragma once

#include <optional>

#include "fourm/core/file.h"
#include "fourm/train/pretraining.h"

namespace fourm {

/// The best evaluation of a finished run.
struct RunResult {
  double loss = 0;          ///< mean cross-entropy in nats on the held-out set
  int64_t step = 0;         ///< of that evaluation
  int64_t evaluations = 0;  ///< of the run
  double seconds = 0;       ///< that the run took, over all its parts
};

/// The result in FOLDER/result.json; nothing when the run is not finished. Error on a damaged file.
std::optional<RunResult> read_result(const fs::path& folder);

enum class Keep { kModel, kRecords };  ///< what a finished run leaves: its model, or its records alone

/// The result of the run in recipe.out, which is trained, or resumed, where it is not finished. Checkpoints of a finished run are
/// removed. Nothing when `stop` ended it, when another process trains it, or when the training failed, with a warning. Error when the
/// recipe has no eval_data, and when recipe.out holds a run of another recipe, finished or not (says which keys differ; paths and
/// what the result does not depend on may).
std::optional<RunResult> run_experiment(const PretrainConfig& recipe, Keep keep, const StopToken& stop);

/// The recipe with `key=value` changes, validated.
PretrainConfig with_changes(const PretrainConfig& recipe, const std::vector<std::string>& changes,
                            const std::string& origin);

}  // namespace fourm
