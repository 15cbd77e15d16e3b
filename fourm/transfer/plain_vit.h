// Checkpoints of a plain ViT (Dosovitskiy et al. 2021) as the encoder of a model with a head: timm's, MAE's and DeiT's, and Hugging
// Face's ViTModel, ViTMAEModel and Dinov2Model.
#pragma once

#include <map>
#include <string>

#include "fourm/core/tensor.h"
#include "fourm/model/config.h"

namespace fourm {

/// Whether the weights of a file or folder are those of a plain ViT.
bool is_plain_vit(const fs::path& path);

/// A ViT in the terms of a 4M encoder that computes the same: its [CLS] token and its registers are register tokens, the bias of
/// the patch embedding is the modality embedding, layer scales are multiplied into the projections, and another
/// normalisation of pixels than ImageNet's into the patch embedding.
struct PlainVit {
  EncoderConfig encoder;                  ///< image_size is that of the checkpoint
  ModalityTable table;                    ///< with the modality that the encoder reads, whose positions are learned
  std::map<std::string, Tensor> tensors;  ///< float32, by their names in a 4M

  /// Heads are those of a config.json beside the weights ("num_attention_heads"), else one for each 64 channels (80 at a width of
  /// 1280); mean and deviation of pixels those of preprocessor_config.json or of timm's config.json, else ImageNet's. Heads for classes
  /// and MAE's decoder are left out. Error naming a tensor that a plain ViT does not have, lacks, or of another shape.
  static PlainVit open(const fs::path& path);
};

}  // namespace fourm
