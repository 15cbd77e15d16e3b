// Runs and measures side by side: what `fourm report` shows.
#pragma once

#include <vector>

#include "fourm/core/file.h"
#include "fourm/draw/document.h"

namespace fourm {

/// A document of what lies at the paths. Each of them is
///
///   the folder of `fourm transfer-benchmark`, or its benchmark.json, even while tasks are missing
///   the folder of `fourm ablate`, or one of its NAME.json
///   a training run, as of `fourm finetune`
///   a JSON file of `fourm eval --json`
///   an image
///
/// Things of one kind are shown in one section, which compares them. They have the names of their files or folders; where two are equal, the
/// paths as given. Error naming the path that is none of these or damaged.
Document run_report(const std::vector<fs::path>& paths, const std::string& title);

}  // namespace fourm
