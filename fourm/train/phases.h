// The phases of a run: which tensors are trainable in a step, and their learning rate. A phase that trains the embeddings
// alone before the whole model is the original's frozen stage (frozen_model_tokens in run_training_4m.py).
#pragma once

#include "fourm/nn/parameters.h"
#include "fourm/train/config.h"

namespace fourm {

/// Error on phases that do not fit into the steps of the run, and on schedules that do not fit into their phases.
void check_phases(const TrainingConfig& config);

class Phases {
 public:
  /// Tensors that require gradients now are trainable after the phases. From now on all that are trainable in any phase
  /// require gradients.
  /// Error when a pattern matches no tensor.
  Phases(const Parameters& parameters, const TrainingConfig& config);
  /// The learning rate of step `step`, counted from 0.
  double rate(int64_t step) const;
  bool begins_at(int64_t step) const;
  /// Lets the trainable tensors of the phase of `step` require gradients, and no others.
  void enter(int64_t step) const;
  /// "phase 2 of 3: 1200 trainable parameters".
  std::string text(int64_t step) const;

 private:
  struct Phase {
    int64_t begin;
    Schedule schedule;
    std::vector<bool> trainable;  // [entries]
  };
  size_t at(int64_t step) const;

  std::vector<Tensor> tensors_;  // [entries]
  std::vector<Phase> phases_;
};

}  // namespace fourm
