// The agreement of one model computed in two ways, for example in float32 and in int8.
#pragma once

#include "fourm/eval/evaluate.h"

namespace fourm {

struct AgreementResult {
  struct Output {
    std::string modality;
    double tokens = 0;       ///< fraction of equal tokens; those of a text up to the end of the longer one
    double predictions = 0;  ///< fraction of predictions that are equal in all tokens
  };

  std::string data, inputs;
  int64_t samples = 0;
  int64_t left_out = 0;  ///< samples that lack a file or have a broken one
  std::vector<Output> outputs;
};

/// Compares the most likely predictions of both pipelines, split over the processes of the group. Error unless
/// `options.inputs` is one input set.
AgreementResult agreement(const Pipeline& one, const Pipeline& other, const EvaluateOptions& options,
                          const ProcessGroup& group = {});

}  // namespace fourm
