// The encoder of a 4M with a task head: paper section 3 and appendix D.
//
//   images [B, 3, S, S] -> patches -> encoder -> tokens [B, h, w, D] -> head -> class logits or maps
//
// The encoder reads squares of any side that its patch divides: sine-cosine positions are computed for it, learned ones are
// resized when the weights of another side are taken over. Tensors of the encoder have the names that they have in a 4M,
// those of the head begin with "head.".
#pragma once

#include <memory>
#include <variant>

#include "fourm/model/encoder.h"
#include "fourm/transfer/config.h"
#include "fourm/transfer/detection_head.h"
#include "fourm/transfer/heads.h"

namespace fourm {

class TransferModel {
 public:
  /// From a folder: config.json, model.safetensors, modalities.yaml. `compute` says where and how the model computes; by
  /// default it can be trained on the CPU.
  static TransferModel open(const fs::path& folder, const Compute& compute = {});
  /// New weights. `stored`: features of a knn head.
  static TransferModel create(const TransferConfig& config, const ModalityTable& table, uint64_t seed,
                              const Compute& compute = {}, int64_t stored = 0);
  void save(const fs::path& folder) const;

  /// Copies the weights of the encoder out of a 4M, of another model with a head or of a plain ViT; those of the head too where
  /// `with_head`, names and shapes are the same. A note says what is taken. Error when a tensor is missing or has another shape.
  void take_weights(const fs::path& start, bool with_head = true);

  const TransferConfig& config() const { return config_; }
  Parameters& parameters() const { return *parameters_; }
  const Encoder& encoder() const { return encoder_; }
  void checkpoint_activations(bool on) { encoder_.checkpoint_activations(on); }
  /// Tensors of the encoder that stay as they are: no gradients are computed for it.
  void freeze(bool on) { frozen_ = on; }

  /// RGB in bytes [B, S, S, 3], or floats 0 to 255 of the same shape -> tokens [B, h, w, D], float32.
  /// `drop`: stochastic depth, in training.
  Tensor tokens(const Tensor& images, const std::optional<DropPath>& drop = {}) const;
  /// Class logits [B, K]; of semseg [B, K, S, S]; of depth metres [B, 1, S, S], not clamped.
  Tensor operator()(const Tensor& images) const { return predict(tokens(images)); }
  Tensor predict(const Tensor& tokens) const;
  /// The head of detection, which predicts boxes instead; null for other tasks.
  const DetectionHead* detection() const { return std::get_if<DetectionHead>(&head_); }
  NeighbourHead& neighbours() { return std::get<NeighbourHead>(head_); }

 private:
  TransferModel(const TransferConfig& config, ModalityTable table, ParameterSource& source, int64_t stored);

  TransferConfig config_;
  ModalityTable table_;
  std::shared_ptr<Parameters> parameters_;
  Encoder encoder_;
  std::variant<LinearHead, AttentiveHead, NeighbourHead, ConvNextHead, DetectionHead> head_;
  bool frozen_ = false;
};

/// A model's encoder for an input of `size` pixels per side: the modality of pixels that is named, or else
/// its only one. Error when there is none.
struct EncoderPart {
  EncoderConfig config;
  std::string input;
  ModalityTable table;
};
EncoderPart encoder_part(const fs::path& model, const std::string& input, int64_t size);
/// The same of a config that is given; `size` 0 is its own.
EncoderPart encoder_part(const EncoderConfig& config, ModalityTable table, const std::string& input, int64_t size);

}  // namespace fourm
