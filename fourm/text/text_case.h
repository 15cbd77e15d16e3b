// The parity case of kind "text": strings, boxes and token strings against the reference.
#pragma once

#include <optional>

#include "fourm/core/json.h"

namespace fourm {

/// Answers the questions in a case folder: the lists of its files side by side, each entry with the computed fields.
/// The tokenizer that case.json names is looked for in the folder, then it is `tokenizer`, which is announced.
Json run_text_case(const fs::path& case_folder, const std::optional<fs::path>& tokenizer);

}  // namespace fourm
