// `fourm eval` of a model with a head.
#pragma once

#include "cli/commands.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/transfer/config.h"
#include "fourm/transfer/predict.h"

namespace fourm {

struct HeadEvaluation {
  LabelledData data;
  MeasureOptions measures;
  bool by_class = false;
};

/// The group of the options that only models with a head have.
constexpr const char* kOptionsOfHeads = "Models with a head (docs/finetuning.md)";

/// Adds the options that only models with a head have.
void add_head_options(CLI::App& command, HeadEvaluation& options);

/// The measures of the labelled set `data`, as a table or as JSON.
std::string measure_head(const std::string& model, const std::string& data, const ComputeConfig& compute,
                         const HeadEvaluation& options, bool json, const ProcessGroup& group);

}  // namespace fourm
