// Models in files, in the layout of the official checkpoints: a folder with config.json, model.safetensors and, for
// modalities beyond the official ones, modalities.yaml; the folder of a finished training run; or one safetensors file
// with its config in the header.
#pragma once

#include "fourm/model/fourm.h"

namespace fourm {

/// The opened files of a model. Weights are memory-mapped and stay readable when the files are removed.
struct ModelFiles {
  SafetensorsFile weights;
  ModelConfig config;
  ModalityTable table;
};
/// `table` is extended by the modalities.yaml of the folder.
ModelFiles open_model_files(const fs::path& path, ModalityTable table = ModalityTable::official());

/// `compute` says where and how the model computes; by default it can be trained on the CPU.
/// Error naming all tensors that are missing or have another shape than the config says.
FourM load_model(const ModelFiles& files, const Compute& compute = {});
FourM load_model(const fs::path& path, ModalityTable table = ModalityTable::official(), const Compute& compute = {});

/// An encoder without its decoder, for features and transfers.
struct EncoderModel {
  ModelConfig config;
  ModalityTable table;
  std::shared_ptr<Parameters> parameters;
  Encoder encoder;

  ModalityLookup modalities() const {
    return [this](const std::string& name) { return config.modality(name, table); };
  }
};
/// The encoder of a model in any of the layouts above; tensors of the decoder are neither needed nor read.
EncoderModel load_encoder(const fs::path& path, ModalityTable table = ModalityTable::official(),
                          const Compute& compute = {});

/// Writes config.json and, for modalities beyond the official ones, modalities.yaml.
void save_model_config(const FourM& model, const fs::path& folder);
/// Writes config.json, model.safetensors and, for modalities beyond the official ones, modalities.yaml.
void save_model(const FourM& model, const fs::path& folder, at::ScalarType dtype = at::kFloat);

}  // namespace fourm
