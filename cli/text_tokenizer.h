// Which text tokenizer a command uses.
#pragma once

#include <cstdlib>
#include <string>

#include "fourm/core/file.h"
#include "fourm/core/log.h"
#include "fourm/io/model_folder.h"

namespace fourm {

/// $FOURM_TOKENIZER; empty where it is not set.
inline fs::path text_tokenizer_of_environment() {
  const char* variable = std::getenv("FOURM_TOKENIZER");
  return variable ? variable : "";
}

/// `given`; empty, and thus the model's own, where the model has one; else $FOURM_TOKENIZER, which is announced.
inline fs::path text_tokenizer_for(const fs::path& model, const std::string& given) {
  std::error_code ignored;
  if (!given.empty() || fs::exists(folder_of_model(model) / "tokenizer.json", ignored)) return given;
  const fs::path variable = text_tokenizer_of_environment();
  if (!variable.empty()) note("text tokenizer: ", variable.string(), " (from $FOURM_TOKENIZER)");
  return variable;
}

}  // namespace fourm
