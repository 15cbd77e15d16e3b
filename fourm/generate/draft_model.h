// The draft model of speculative decoding (Leviathan et al. 2023, "Fast inference from Transformers via speculative
// decoding"): the weights of the model in int8. It proposes the next tokens of a sequence, which the model then verifies
// (generate/sequence.h).
#pragma once

#include <functional>
#include <memory>

#include "fourm/core/lazy.h"
#include "fourm/model/model_file.h"

namespace fourm {

/// Loaded at first use. Thread-safe.
class DraftModel {
 public:
  explicit DraftModel(std::function<FourM()> load) : load_(std::move(load)) {}
  const FourM& get() const { return model_.get(load_); }

 private:
  std::function<FourM()> load_;
  Lazy<FourM> model_;
};

/// The draft model of a model that is opened for inference in float32 on the CPU; null for others and for the reference
/// engine.
std::shared_ptr<const DraftModel> draft_model(const ModelFiles& files, const Compute& compute);

}  // namespace fourm
