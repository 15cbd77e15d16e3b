#include "fourm/data/fault_list.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fourm {
namespace {

// Keys with dots, and archives in capitals: the modality tells faults apart, whatever the layout.
TEST(FaultList, KindsAreModalitiesAndProblems) {
  std::vector<Fault> faults;
  for (const char* modality : {"rgb", "depth"})
    for (int i = 0; i < 4; ++i)
      faults.push_back({"set/shard.TAR", "IMG_2." + std::to_string(i) + "." + modality + ".png", "is cut", "mend it"});
  for (int i = 0; i < 3; ++i) faults.push_back({"set/normal/0.tar", std::to_string(i) + ".5.png", "is cut", "mend it"});
  const std::string lines = fault_lines(faults, "set", "warning: ", 2);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3 * 3) << lines;
  size_t at = 0, count = 0;
  while ((at = lines.find("warning: ", at)) != std::string::npos) ++at, ++count;
  EXPECT_EQ(count, 9u) << lines;
  EXPECT_NE(lines.find("warning: ... and 2 more of this kind\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("warning: ... and 1 more of this kind\n"), std::string::npos) << lines;
}

}  // namespace
}  // namespace fourm
