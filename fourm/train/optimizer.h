// AdamW (Loshchilov and Hutter 2019) over lists of tensors, and an average of the weights.
#pragma once

#include <functional>

#include "fourm/nn/parameters.h"
#include "fourm/train/config.h"

namespace fourm {

/// False for norms, biases, layer scales and the temperature of a contrastive loss, by name (the original's
/// fourm/utils/optim_factory.py).
bool has_weight_decay(std::string_view name);

/// What the rate of a tensor of a 4M model is multiplied by: decay^k for a tensor k layers below the output (the original's
/// get_num_layer_for_fm, fourm/utils/optim_factory.py). The layers are the encoder's embeddings (with the register tokens),
/// its blocks, the decoder's blocks, and the heads with all else. What the decoder begins with (norm and projection of the
/// encoder's output, mask token, modality embeddings) is in the layer of the encoder's last block; without a decoder it is in
/// the last layer. Error when none of the names is that of an encoder block.
std::vector<double> layer_rates(const std::vector<std::string>& names, double decay);

/// Error on invalid values.
void check_optimizer(const OptimizerConfig& config);

/// Which tensors this process updates; empty: all (DataParallel::owns).
using Owns = std::function<bool(const Tensor&)>;

class AdamW {
 public:
  /// Over the parameters that require gradients.
  AdamW(const Parameters& parameters, const OptimizerConfig& config, const Owns& owns = {});

  /// The norm of each gradient, before clipping: [parameters] float32 on their device; 0 where there is none.
  Tensor gradient_norms() const;
  /// Global gradient norm: a float64 scalar.
  Tensor gradient_norm() const { return gradient_norms().to(at::kDouble).norm(); }
  /// One update at the rate `lr`. `norm` is gradient_norm(), for clipping; when it is not finite, nothing changes. A
  /// tensor without a gradient (its modality was not in the batch) stays as it is. The rate of a tensor is that of its layer
  /// (layer_decay).
  void step(double lr, const Tensor& norm);
  void clear_gradients();

  /// Of the tensors that this process updates.
  NamedTensors state() const;
  /// Error when tensors are missing or of another shape.
  void load(const SafetensorsFile& file);

 private:
  struct Slot {
    std::string name;
    Tensor value;
    bool owned;
    Tensor mean, square, steps;  // of an owned tensor; steps: how many updates it has had
  };
  // Slots of the same weight decay and rate.
  struct Group {
    bool decay;
    double rate;  // a multiple of that of the schedule
    std::vector<size_t> slots;
  };
  std::vector<Slot> slots_;
  std::vector<Group> groups_;
  OptimizerConfig config_;
};

/// Exponential moving average of the parameters and of the buffers with floating-point values (the original's
/// ModelEmaV2, fourm/utils/timm/model_ema.py). Buffers begin with their values after the first update, since k-means
/// fills a codebook in the first step.
class WeightAverage {
 public:
  /// Of the parameters that `owns` says, and of all buffers.
  WeightAverage(const Parameters& parameters, double decay, const Owns& owns = {});
  void update();
  /// The same where `keep` [] is true, and nothing where it is false; without waiting for its device.
  void update_where(const Tensor& keep);
  /// Exchanges averages and weights; called twice, all is as before.
  void swap();

  /// With the averages of buffers, or only those of parameters.
  NamedTensors state(bool with_buffers = true) const;
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
