#include "fourm/generate/draft_model.h"

namespace fourm {

std::shared_ptr<const DraftModel> draft_model(const ModelFiles& files, const Compute& compute) {
  const bool exact = compute.inference && compute.precision == Precision::kF32 && !compute.reference;
  if (!exact || !compute.device.is_cpu()) return nullptr;
  return std::make_shared<const DraftModel>([files] {  // load_model has reported the problems of the files
    FileSource source(files.weights, Compute::for_inference(Precision::kInt8));
    return FourM(files.config, files.table, source);
  });
}

}  // namespace fourm
