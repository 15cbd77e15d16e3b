#include "fourm/text/plural.h"

#include <gtest/gtest.h>

#include <map>

namespace fourm {
namespace {

TEST(Plural, OfEnglishNouns) {
  for (const auto& [one, many] : std::map<std::string, std::string>{{"chair", "chairs"},
                                                                    {"bench", "benches"},
                                                                    {"shelf", "shelves"},
                                                                    {"box", "boxes"},
                                                                    {"bus", "buses"},
                                                                    {"body", "bodies"},
                                                                    {"toy", "toys"},
                                                                    {"piano", "pianos"},
                                                                    {"washing machine", "washing machines"}})
    EXPECT_EQ(plural(one), many);
}

}  // namespace
}  // namespace fourm
