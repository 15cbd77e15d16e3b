#include "fourm/bench/record.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

TEST(BenchRecord, JsonKeepsItsKeysInOrder) {
  BenchRecord record{.workload = "roar1",
                     .engine = "fast",
                     .precision = "f32",
                     .device = "cpu",
                     .size = "Ti",
                     .threads = 2,
                     .seconds = {3, 1, 2},
                     .median = 2,
                     .ready = 0.5,
                     .first = 4,
                     .samples_per_second = 0.5,
                     .memory_gib = 1.5,
                     .gflop = 8,
                     .peak = {16, 0.25},
                     .onednn = BenchRecord::Peak{32, 0.125}};
  EXPECT_EQ(json_text(to_json(record)),
            R"({"workload":"roar1","engine":"fast","precision":"f32","device":"cpu","size":"Ti","threads":2,)"
            R"("median_s":2.0,"all":[3.0,1.0,2.0],"ready_s":0.5,"first_s":4.0,"samples_per_s":0.5,"memory_gib":1.5,)"
            R"("gflop":8.0,)"
            R"("onednn_gflops":32.0,"onednn_share":0.125,"peak_gflops":16.0,"peak_share":0.25})");
  record.onednn.reset();
  const Json json = to_json(record);
  EXPECT_FALSE(json.contains("onednn_gflops"));
  EXPECT_EQ(json["peak_share"], 0.25);
}

}  // namespace
}  // namespace fourm
