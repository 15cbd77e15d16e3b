#include "fourm/generate/draft_model.h"

namespace fourm {

std::shared_ptr<const DraftModel> draft_model(const ModelFiles& files, std::optional<Precision> inference) {
  if (inference != Precision::kF32) return nullptr;
  return std::make_shared<const DraftModel>([files] {  // load_model has reported the problems of the files
    FileSource source(files.weights, Precision::kInt8);
    return FourM(files.config, files.table, source);
  });
}

}  // namespace fourm
