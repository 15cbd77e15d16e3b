// An adapter: what low-rank training (Hu et al. 2021, LoRA) has changed of a model. Its folder stands for the changed model:
//
//   adapter.json           {"base": path of the model, "rank": r, "alpha": a}; a relative path starts at the folder
//   adapter.safetensors    NAME.lora_down.weight [r, in] and NAME.lora_up.weight [out, r], by which NAME.weight of the base is
//                          changed: + alpha / rank * up * down; other tensors stand for themselves
//   config.json, ...       of the changed model
#pragma once

#include "fourm/io/safetensors.h"

namespace fourm {

struct AdapterInfo {
  fs::path base;  ///< folder or file of the model
  int64_t rank = 0;
  double alpha = 0;
};

extern const char* const kLoraDown;  ///< ".lora_down.weight"
extern const char* const kLoraUp;    ///< ".lora_up.weight"

/// Whether the path is the folder of an adapter.
bool is_adapter(const fs::path& path);
/// Error on a description that is not valid.
AdapterInfo read_adapter_info(const fs::path& folder);
void write_adapter_info(const fs::path& folder, const AdapterInfo& info);

/// The tensors of the changed model; changed ones are float32 in memory. Error naming file and tensor when the base is
/// missing, is an adapter itself, or does not fit.
SafetensorsFile open_adapter(const fs::path& folder);

}  // namespace fourm
