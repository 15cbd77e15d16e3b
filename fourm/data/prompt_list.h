// Lists of texts: a text file with one on each line, or a table.
#pragma once

#include <string>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

/// The lines of FILE.txt, or the rows of FILE.tsv below its header: the column "prompt", "caption" or "text", otherwise the first. The
/// last line may end in a line break. Error on an empty line or cell, naming it.
std::vector<std::string> read_prompts(const fs::path& file);

}  // namespace fourm
