// The training loop: what is common to tokenizers, pre-training and transfers.
//
// Bit-exact resume needs no generator state: an objective draws the batch of micro-step i from (seed, i) alone, and all
// that changes while training is in the checkpoint (weights, buffers, optimizer, averages).
#pragma once

#include "fourm/nn/parameters.h"
#include "fourm/train/optimizer.h"
#include "fourm/train/run.h"

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
  /// The loss of micro-batch `index`, which must be a pure function of seed and index. Buffers do not change here.
  virtual StepResult loss(int64_t index) = 0;
  /// Updates buffers (codebook statistics), once a step: after the losses of all its micro-batches, before the optimizer
  /// changes the weights. `step` counts from 0.
  virtual void update_buffers(int64_t /*step*/) {}
  /// After `step` steps. The weights are the averages, if averages are kept.
  virtual Evaluation evaluate(int64_t step) = 0;
  /// Writes the finished model into an existing folder.
  virtual void save(const fs::path& folder) = 0;
};

/// Trains, or goes on from the newest checkpoint of the folder. At the end `folder`/model holds the finished model.
/// At least one step is done before `stop` ends the run. A loss or gradient that is not finite is an Error, before it
/// reaches the weights.
Outcome train(Objective& objective, const TrainingConfig& config, const YAML::Node& recipe, const fs::path& folder,
              const StopToken& stop = {});

}  // namespace fourm
