// Evaluation by several processes gives the same numbers as by one.
#include <gtest/gtest.h>

#include "fourm/eval/agreement.h"
#include "fourm/eval/chains.h"
#include "fourm/eval/inpainting.h"
#include "fourm/eval/report.h"
#include "tests/support/evaluated_rooms.h"
#include "tests/support/ranks.h"

namespace fourm {
namespace {

class EvaluateInProcesses : public test::EvaluatedRooms {
 protected:
  static EvaluateOptions options(const std::vector<std::string>& inputs) {
    EvaluateOptions options;
    options.data = (*temporary_ / "rooms").string();
    options.count = kRooms;
    options.inputs = inputs;
    return options;
  }

  // measure(group) returns JSON.
  template <class Measure>
  static void expect_same(const Measure& measure) {
    const std::string one = measure(ProcessGroup()).dump(2);
    test::in_ranks(2, [&](const ProcessGroup& group) { EXPECT_EQ(measure(group).dump(2), one); });
  }
};

TEST_F(EvaluateInProcesses, EveryOutput) {
  const EvaluateOptions given = options({"rgb", "caption"});
  expect_same([&](const ProcessGroup& group) { return to_json(evaluate(*pipeline_, given, group)); });
}

TEST_F(EvaluateInProcesses, OtherDataAreNamed) {
  fs::copy(folder_, *temporary_ / "copy", fs::copy_options::recursive);
  const auto errors = test::errors_in_ranks(2, [&](const ProcessGroup& group) {
    EvaluateOptions given = options({"rgb"});
    if (group.rank() == 1) given.data = (*temporary_ / "copy").string();
    evaluate(*pipeline_, given, group);
  });
  for (const auto& error : errors)
    EXPECT_TRUE(error.starts_with("rank 1 has another evaluation set than rank 0: ")) << error;
}

TEST_F(EvaluateInProcesses, Chains) {
  const EvaluateOptions given = options({"caption"});
  expect_same([&](const ProcessGroup& group) {
    return to_json(compare_chains(*pipeline_, given, {"depth"}, Sweep{"steps", {2}}, group));
  });
}

TEST_F(EvaluateInProcesses, Inpainting) {
  const EvaluateOptions given = options({});
  expect_same(
      [&](const ProcessGroup& group) { return to_json(evaluate_inpainting(*pipeline_, given, "left", group)); });
}

TEST_F(EvaluateInProcesses, Agreement) {
  const EvaluateOptions given = options({"rgb"});
  const Pipeline rough =
      Pipeline::open({.model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti"}, {.precision = "int8"});
  expect_same([&](const ProcessGroup& group) { return to_json(agreement(*pipeline_, rough, given, group)); });
}

}  // namespace
}  // namespace fourm
