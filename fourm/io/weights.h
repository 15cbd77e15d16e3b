// The weights of a model folder, in any of the known layouts.
#pragma once

#include "fourm/io/safetensors.h"

namespace fourm {

/// The files that hold the weights of a folder: model.safetensors, else the shards that model.safetensors.index.json names,
/// else pytorch_model.bin, else the shards of pytorch_model.bin.index.json. A path that is a file is that file. Of the folder
/// of an adapter (io/adapter.h): its own file.
std::vector<fs::path> weight_files(const fs::path& path);

/// Whether a file's name says that it holds weights: .safetensors, or .pth, .pt, .bin and .ckpt of PyTorch, in any case.
bool is_weight_file(const fs::path& path);

/// Whether the folder holds weights that weight_files() names, or the index of some.
bool has_weights(const fs::path& folder);

/// The SHA-256 digest of the weights and of config.json, where the folder has one: models with the same digest compute the
/// same. Of an adapter, that of the model that it changes counts too.
std::string weights_digest(const fs::path& path);

/// Tells weights apart at the cost of a few reads: as weights_digest(), but of each file's size and of samples that are
/// spread evenly over it. Equal files have the same fingerprint; files that differ in a few bytes may have it too.
std::string weights_fingerprint(const fs::path& path);

/// The tensors of weight_files() as one file; of an adapter, those of the model that it stands for. Error naming file and
/// tensor when a shard or one of its tensors is missing.
SafetensorsFile open_weights(const fs::path& path);

}  // namespace fourm
