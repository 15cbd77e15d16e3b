// Which text tokenizer a command uses.
#pragma once

#include <cstdlib>
#include <string>

#include "fourm/core/file.h"
#include "fourm/core/log.h"
#include "fourm/io/model_folder.h"

namespace fourm {

/// `given`; empty, and thus the model's own, where the model has one; else $FOURM_TOKENIZER, which is announced.
inline fs::path text_tokenizer_for(const fs::path& model, const std::string& given) {
  std::error_code ignored;
  const fs::path path = model_folder(model);
  const fs::path folder = fs::is_directory(path, ignored) ? path : path.parent_path();
  if (!given.empty() || fs::exists(folder / "tokenizer.json", ignored)) return given;
  const char* variable = std::getenv("FOURM_TOKENIZER");
  if (!variable || !*variable) return {};
  note("text tokenizer: ", variable, " (from $FOURM_TOKENIZER)");
  return variable;
}

}  // namespace fourm
