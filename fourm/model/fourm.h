// 4M: one encoder-decoder Transformer over all modalities (paper section 2, figure 2). Figure 2 reads from left to right:
// input tokens -> encoder (model/encoder.h) -> decoder (model/decoder.h) -> logits of the target tokens.
#pragma once

#include <memory>

#include "fourm/dist/process_group.h"
#include "fourm/model/decoder.h"

namespace fourm {

/// The loss of a batch that is split over the processes of a group. `total` is the share of this process; the shares of all
/// processes add up to the loss of the whole batch, and so do their gradients. A single process has all of it.
struct Loss {
  Tensor total;
  struct Part {
    /// Scalar in nats, without its graph: the share of this process in the mean cross-entropy over the modality's slots, which the
    /// target positions are. The shares of all processes add up to that mean. 0 without slots.
    Tensor loss;
    int64_t slots = 0;  ///< in all processes
  };
  std::map<std::string, Part> parts;
};

enum class LossKind {
  kModality,         ///< mean over all output modalities of the model, absent ones counting as 0 (the original)
  kModalityPresent,  ///< mean over those that have slots
  kToken,            ///< mean over all target tokens (paper Table 25, "per-token loss")
  kTokenByVocab,     ///< modalities weighted by target tokens x vocabulary size (the original's "token" loss)
};

class FourM {
 public:
  /// Tensors are taken from `source`; it is not kept. `tie_heads`: see Decoder. Error on a tensor that `source` lacks or that has
  /// another shape.
  FourM(ModelConfig config, ModalityTable table, ParameterSource& source, bool tie_heads = false);

  Encoder encoder;
  Decoder decoder;

  /// The loss of a packed batch. `total` is a scalar in nats, the share of this process; gradients flow through it.
  Loss loss(const Batch& batch, LossKind kind = LossKind::kModality, const ProcessGroup& group = {}) const;

  /// Whether training computes the activations inside blocks again instead of keeping them (nn/checkpoint.h).
  void checkpoint_activations(bool on) { encoder.checkpoint_activations(on), decoder.checkpoint_activations(on); }

  const ModelConfig& config() const { return config_; }
  const ModalityTable& table() const { return table_; }
  /// With the model's image and patch size filled in.
  Modality modality(const std::string& name) const { return config_.modality(name, table_); }
  /// The same as a function, which must not outlive the model.
  ModalityLookup modalities() const {
    return [this](const std::string& name) { return modality(name); };
  }
  const Compute& compute() const { return parameters_->kernels().compute(); }
  Parameters& parameters() { return *parameters_; }
  const Parameters& parameters() const { return *parameters_; }

 private:
  ModelConfig config_;
  ModalityTable table_;
  std::shared_ptr<Parameters> parameters_;
};

/// A model with new weights, drawn as in the original (fourm/models/fm.py, init_weights); output heads are the token
/// embeddings of the decoder (paper appendix C.1).
FourM create_model(const ModelConfig& config, const ModalityTable& table, uint64_t seed,
                   at::ScalarType dtype = at::kFloat, at::Device device = at::kCPU);

}  // namespace fourm
