// AdamW (Loshchilov and Hutter 2019) over lists of tensors, and an average of the weights.
#pragma once

#include "fourm/nn/parameters.h"
#include "fourm/train/config.h"

namespace fourm {

/// False for norms, biases, layer scales and the temperature of a contrastive loss, by name (the original's
/// fourm/utils/optim_factory.py).
bool has_weight_decay(std::string_view name);

/// Error on values that cannot be.
void check_optimizer(const OptimizerConfig& config);

class AdamW {
 public:
  /// Over the trained tensors that require gradients.
  AdamW(const Parameters& parameters, const OptimizerConfig& config);

  /// Length of all gradients together, before clipping: a float64 scalar on their device.
  Tensor gradient_norm() const;
  /// One update at the rate `lr`. `norm` is gradient_norm(), for clipping; when it is not finite, nothing changes. A
  /// tensor without a gradient (its modality was not in the batch) stays as it is.
  void step(double lr, const Tensor& norm);
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

/// Exponential moving average of the trained tensors and of the buffers with floating-point values (the original's
/// ModelEmaV2, fourm/utils/timm/model_ema.py). Buffers begin with their values after the first update, since k-means
/// fills a codebook in the first step.
class WeightAverage {
 public:
  WeightAverage(const Parameters& parameters, double decay);
  void update();
  /// Exchanges averages and weights; called twice, all is as before.
  void swap();

  NamedTensors state() const;
  /// Error when tensors are missing or of another shape. Checkpoints of earlier versions hold no averages of buffers:
  /// these then begin with the present values, and a note says so.
  void load(const SafetensorsFile& file);

 private:
  void start_buffers();

  std::vector<std::string> names_;
  std::vector<Tensor> values_, averages_;
  std::vector<size_t> buffers_;  // which of them are buffers
  bool started_ = false;         // updated or loaded
  double decay_;
};

/// Copies the stored tensor into `target`; Error when it is missing or of another shape.
void restore(const SafetensorsFile& file, const std::string& name, const Tensor& target);
/// Copies all entries, buffers too.
void restore(const SafetensorsFile& file, const Parameters& parameters);

}  // namespace fourm
