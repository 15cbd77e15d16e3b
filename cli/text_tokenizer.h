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

/// That of a super-resolution model, which without one of its own has that of the model of the first stage.
inline fs::path text_tokenizer_for_second_stage(const fs::path& second, const fs::path& first,
                                                const std::string& given) {
  if (!given.empty()) return given;
  std::error_code ignored;
  for (const auto& model : {second, first})
    if (const fs::path own = model_folder(model) / "tokenizer.json"; fs::exists(own, ignored)) return own;
  return text_tokenizer_for(second, "");
}

/// --tokenizers and --text-tokenizer of a command that opens a model.
inline void add_tokenizer_options(CLI::App& command, std::string& tokenizers, std::string& text_tokenizer) {
  command.add_option("--tokenizers", tokenizers, "tokenizer folders; default MODEL/tokenizers");
  command.add_option("--text-tokenizer", text_tokenizer,
                     "tokenizer.json; default MODEL/tokenizer.json, then $FOURM_TOKENIZER");
}

}  // namespace fourm
