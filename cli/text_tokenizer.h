// Which tokenizers a command uses.
#pragma once

#include <cstdlib>
#include <string>

#include "cli/usage.h"
#include "fourm/core/file.h"
#include "fourm/core/log.h"
#include "fourm/io/model_folder.h"

namespace fourm {

/// $FOURM_TOKENIZER; empty where it is not set.
inline fs::path text_tokenizer_of_environment() {
  const char* variable = std::getenv("FOURM_TOKENIZER");
  return variable ? variable : "";
}

/// `given`; empty, and thus the model's own, where the model has one; else $FOURM_TOKENIZER, with a note.
inline fs::path text_tokenizer_for(const fs::path& model, const std::string& given) {
  std::error_code ignored;
  if (!given.empty() || fs::exists(folder_of_model(model) / "tokenizer.json", ignored)) return given;
  const fs::path variable = text_tokenizer_of_environment();
  if (!variable.empty()) note("text tokenizer: ", variable.string(), " (from $FOURM_TOKENIZER)");
  return variable;
}

/// --tokenizers and --text-tokenizer of a command that opens a model.
inline void add_tokenizer_options(CLI::App& command, std::string& tokenizers, std::string& text_tokenizer) {
  command.add_option("--tokenizers", tokenizers, "tokenizer folders; default MODEL/tokenizers");
  command.add_option("--text-tokenizer", text_tokenizer,
                     "tokenizer.json; default MODEL/tokenizer.json, then $FOURM_TOKENIZER");
}

}  // namespace fourm
