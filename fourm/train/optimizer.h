// AdamW (Loshchilov and Hutter 2019) over lists of tensors, and an average of the weights.
#pragma once

#include "fourm/nn/parameters.h"

namespace fourm {

struct OptimizerConfig {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.05, clip_norm = 0;

  template <class Visitor>
  void fields(Visitor& v) {
    v("beta1", beta1, "decay of the mean of gradients");
    v("beta2", beta2, "decay of the mean of squared gradients");
    v("epsilon", epsilon, "added to the root of the latter");
    v("weight_decay", weight_decay, "decoupled weight decay; norms, biases and layer scales have none");
    v("clip_norm", clip_norm, "gradients longer than this in all are scaled down to it; 0 = never");
  }
};

/// False for norms, biases and layer scales, by name (spec training 6).
bool has_weight_decay(std::string_view name);

class AdamW {
 public:
  /// Over the trained tensors that ask for gradients.
  AdamW(const Parameters& parameters, const OptimizerConfig& config);

  /// Length of all gradients together, before clipping.
  double gradient_norm() const;
  /// One update at the rate `lr`. `norm` is gradient_norm(), for clipping. A tensor without a gradient (its modality
  /// was not in the batch) stays as it is.
  void step(double lr, double norm);
  void clear_gradients();

  NamedTensors state() const;
  /// Error when tensors are missing or of another shape.
  void load(const SafetensorsFile& file);

 private:
  struct Slot {
    std::string name;
    Tensor value, mean, square, steps;  // steps: how many updates the tensor has had
    bool decay;
  };
  std::vector<Slot> slots_;
  OptimizerConfig config_;
};

/// Exponential moving average of the trained tensors.
class WeightAverage {
 public:
  WeightAverage(const Parameters& parameters, double decay);
  void update();
  /// Exchanges averages and weights; called twice, all is as before.
  void swap();

  NamedTensors state() const;
  void load(const SafetensorsFile& file);

 private:
  std::vector<std::string> names_;
  std::vector<Tensor> values_, averages_;
  double decay_;
};

/// Copies the stored tensor into `target`; Error when it is missing or of another shape.
void restore(const SafetensorsFile& file, const std::string& name, const Tensor& target);
/// Copies all entries, buffers too.
void restore(const SafetensorsFile& file, const Parameters& parameters);

}  // namespace fourm
