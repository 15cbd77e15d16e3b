// How far two ways of computing one model agree: what int8 or bfloat16 change in its answers.
#pragma once

#include "fourm/core/json.h"
#include "fourm/eval/evaluate.h"

namespace fourm {

/// The most likely answers of both to the first set of `options.inputs`: {"data", "samples", "given", "outputs": [{"modality",
/// "tokens": share of equal tokens, "answers": share of answers that are equal throughout}]}. A text's tokens are counted up to
/// the end of the longer one.
Json agreement(const Pipeline& one, const Pipeline& other, const EvaluateOptions& options);

std::string agreement_table(const Json& report);

}  // namespace fourm
