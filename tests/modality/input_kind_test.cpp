#include "fourm/modality/input_kind.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

TEST(InputKind, WordsOfANameSayWhatATokenizerReads) {
  const std::vector<std::pair<std::string, std::string>> known{
      {"tok_normal@224", "normal"},      {"canny_edge", "grey"},   {"4M_tokenizers_edge_8k_224-512", "grey"},
      {"DINOv2-B14-global", "features"}, {"CLIP-B16", "features"}, {"RGB", "rgb"},
      {"sam_instance", "mask"}};
  for (const auto& [name, kind] : known) EXPECT_EQ(kind_in_name(name), kind) << name;
  for (const char* name : {"", "tok_thermal@224", "normality", "rgb_and_depth"})
    EXPECT_EQ(kind_in_name(name), std::nullopt) << name;
}

}  // namespace
}  // namespace fourm
