// Where the parity cases are: $FOURM_FIXTURES, else ../shared/fixtures beside the checkout, else the committed selection.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace fourm::test {

inline std::filesystem::path fixture_root() {
  const std::filesystem::path source = FOURM_SOURCE_DIR;
  if (const char* given = std::getenv("FOURM_FIXTURES"); given && *given) return given;
  const auto shared = source / ".." / "shared" / "fixtures";
  return std::filesystem::exists(shared) ? shared : source / "tests" / "fixtures";
}

/// The official text tokenizer, which is not part of the repository: $FOURM_TOKENIZER, else ../shared/data.
inline std::filesystem::path official_tokenizer() {
  if (const char* given = std::getenv("FOURM_TOKENIZER"); given && *given) return given;
  return std::filesystem::path(FOURM_SOURCE_DIR) / ".." / "shared" / "data" / "text_tokenizer_4m_wordpiece_30k.json";
}

}  // namespace fourm::test

/// Skips the test, visibly, when the path is not there.
#define FOURM_NEEDS(path) \
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "not here: " << (path)
