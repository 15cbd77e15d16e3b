#include "fourm/modality/modality_name.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

TEST(ModalityName, HasASubjectAndPerhapsASize) {
  EXPECT_EQ(base_name("tok_depth@128"), "depth");
  EXPECT_EQ(base_name("tok_sam_edge@224"), "sam_edge");
  EXPECT_EQ(base_name("rgb@448"), "rgb");
  EXPECT_EQ(base_name("caption"), "caption");
  EXPECT_EQ(name_without_size("tok_depth@128"), "tok_depth");
  EXPECT_EQ(name_without_size("caption"), "caption");
  EXPECT_EQ(size_in_name("tok_depth@256"), 256);
  EXPECT_EQ(size_in_name("tok_depth"), std::nullopt);
  EXPECT_EQ(size_in_name("tok_depth@latest"), std::nullopt);
}

TEST(ModalityName, SizesStandAfterTheAt) {
  EXPECT_EQ(size_in_name("tok_depth@256"), 256);
  for (const char* name :
       {"tok_depth", "tok_depth@", "tok_depth@0", "tok_depth@-8", "tok_depth@224px", "a@99999999999999999999"})
    EXPECT_EQ(size_in_name(name), std::nullopt) << name;
}

}  // namespace
}  // namespace fourm
