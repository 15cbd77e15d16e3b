// The results of `fourm eval` as JSON and as tables.
#pragma once

#include <string>

#include "fourm/core/json.h"
#include "fourm/eval/agreement.h"
#include "fourm/eval/evaluate.h"

namespace fourm {

/// {"measure", "unit", "better", "model", "interval", "samples", "ceiling", "baseline", "closed"}.
Json to_json(const Comparison& measure);
/// {"data", "samples", "left_out", "inputs": [{"given", "measures": [{"measure", "unit", "better", "model", "interval",
/// "samples", "ceiling", "baseline", "closed"}]}], "not_measured": [{"what", "reason"}]}. "closed" is the gap closed
/// (Comparison::gap_closed) or null.
Json to_json(const EvaluationResult& result);
/// {"data", "samples", "left_out", "given", "outputs": [{"modality", "tokens", "predictions"}]}: fractions of
/// equal tokens and of equal predictions.
Json to_json(const AgreementResult& result);

/// A block for each input set; after several of them an overview of the gap closed, a column for each.
std::string evaluation_table(const EvaluationResult& result);
std::string agreement_table(const AgreementResult& result);

}  // namespace fourm
