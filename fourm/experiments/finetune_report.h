// Fine-tuning runs in a report.
#pragma once

#include <optional>

#include "fourm/experiments/report_parts.h"
#include "fourm/transfer/finetuning.h"

namespace fourm {

struct FinetuneRun {
  std::string name;
  fs::path folder;
  FinetuneRecipe recipe;
  std::map<std::string, std::vector<PlotPoint>> evaluations;  ///< by measure
};

/// Nothing when the run is no fine-tuning.
std::optional<FinetuneRun> read_finetune_run(const std::string& name, const fs::path& folder);

/// Initialisations compared: the main measure of each task by data set and fraction of the labels, as a table and as a plot. A cell is the
/// mean over seeds with the half-width of its 95 % interval (Student's t). Where runs differ in more than the seed, such as the
/// learning rate, the setting with the most seeds counts, and of these the best.
DocumentSection finetune_comparison(const std::vector<FinetuneRun>& runs);

/// The best evaluation of each run of a task, and the curves of runs that were evaluated more than once.
DocumentSection finetune_section(const std::string& task, const std::vector<FinetuneRun>& runs);

}  // namespace fourm
