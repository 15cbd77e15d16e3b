// Low-rank adapters in training (Hu et al. 2021, "LoRA"; the original's fourm/models/lora_utils.py): a matrix W of a block
// computes W x + alpha / rank * up (down x), where only `down` [rank, in] and `up` [out, rank] are trained. `up` begins with zeros, so
// that training begins with the model as it is. io/adapter.h says how they are stored.
#pragma once

#include "fourm/model/fourm.h"
#include "fourm/train/config.h"

namespace fourm {

/// The tensors of another source, and adapters for the matrices of blocks that the config names. A model that is built from it
/// computes with them; then add_to() adds them to its list.
class LoraSource : public ParameterSource {
 public:
  LoraSource(ParameterSource& base, const LoraConfig& config, uint64_t seed);

  Tensor get(const std::string& name, at::IntArrayRef shape, const Init& init) override;
  bool has(const std::string& name) const override { return base_.has(name); }
  std::map<std::string, std::string> aliases() const override { return aliases_; }
  std::shared_ptr<const Kernels> kernels() const override { return kernels_; }

  /// Entries NAME.lora_down.weight and NAME.lora_up.weight of the model that was built. Error when the config names no matrix.
  void add_to(Parameters& parameters);

 private:
  bool is_adapted(const std::string& name, at::IntArrayRef shape) const;

  ParameterSource& base_;
  LoraConfig config_;
  uint64_t seed_;
  std::map<std::string, std::string> aliases_;
  std::map<std::string, Tensor> adapters_;  // by their names
  std::shared_ptr<class LoraKernels> lora_;
  std::shared_ptr<const Kernels> kernels_;
};

/// The names of the adapters' tensors, for Parameters::make_trainable.
std::vector<std::string> lora_patterns();

/// Writes the adapter of a model that began as `base` (io/adapter.h): the adapters' tensors, and every other tensor that is
/// not as in the base.
void save_adapter(const FourM& model, const LoraConfig& config, const fs::path& base, const fs::path& folder);

}  // namespace fourm
