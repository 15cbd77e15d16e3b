// The training loop: what is common to tokenizers, pre-training and transfers.
//
// Bit-exact resume needs no generator state: an objective draws the batch of micro-step i from (seed, i) alone, and all
// that changes while training is in the checkpoint (weights, buffers, optimizer, averages).
#pragma once

#include "fourm/nn/parameters.h"
#include "fourm/train/optimizer.h"
#include "fourm/train/run.h"
#include "fourm/train/schedule.h"

namespace fourm {

struct StepResult {
  Tensor loss;      ///< scalar, with its graph
  Metrics metrics;  ///< averaged between records
};

struct Evaluation {
  Metrics metrics;
  std::map<std::string, std::string> pictures;  ///< name -> PNG file
};

class Objective {
 public:
  virtual ~Objective() = default;
  /// Weights (trainable) and buffers. The same tensors all the time.
  virtual Parameters& parameters() = 0;
  /// The loss of micro-batch `index`, which must be a pure function of seed and index. Buffers (codebook statistics)
  /// may change as a side effect.
  virtual StepResult loss(int64_t index) = 0;
  /// After `step` steps. The weights are the averages, if averages are kept.
  virtual Evaluation evaluate(int64_t step) = 0;
  /// Writes the finished model into an existing folder.
  virtual void save(const fs::path& folder) = 0;
};

struct TrainingConfig {
  int64_t steps = 1000, accumulate = 1;
  ScheduleConfig schedule;
  OptimizerConfig optimizer;
  double ema_decay = 0;
  int64_t log_every = 20, evaluate_every = 500, checkpoint_every = 500, keep_checkpoints = 2, threads = 0;

  template <class Visitor>
  void fields(Visitor& v) {
    v("steps", steps, "optimizer steps of the run");
    v("accumulate", accumulate, "micro-batches a step");
    v("schedule", schedule, "learning rate");
    v("optimizer", optimizer, "AdamW");
    v("ema_decay", ema_decay, "keep an average of the weights, which is evaluated and saved as the model; 0 = none");
    v("log_every", log_every, "steps between records of the training loss");
    v("evaluate_every", evaluate_every, "steps between evaluations; 0 = only at the end");
    v("checkpoint_every", checkpoint_every, "steps between checkpoints; 0 = only at the end");
    v("keep_checkpoints", keep_checkpoints, "newest checkpoints that are kept");
    v("threads", threads, "processor threads; 0 = all. Part of what makes a run repeatable bit for bit");
  }
};

struct Outcome {
  int64_t step;   ///< steps done
  bool finished;  ///< false: a signal stopped the run, which is saved and goes on with the same command
};

/// Trains, or goes on from the newest checkpoint of the folder. At the end `folder`/model holds the finished model.
/// SIGINT and SIGTERM save a checkpoint and return. A loss or gradient that is not finite is an Error, before it
/// reaches the weights.
Outcome train(Objective& objective, const TrainingConfig& config, const YAML::Node& recipe, const fs::path& folder);

}  // namespace fourm
