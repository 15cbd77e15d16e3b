// Two ways of computing the bundled model.
#include "fourm/eval/agreement.h"

#include <gtest/gtest.h>
#include "fourm/core/error.h"
#include "fourm/eval/report.h"
#include "fourm/rooms/dataset.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(Agreement, WholeWithItselfAndNearlyWithBfloat16) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "files";
  write_rooms(RoomMaker(RoomOptions{}), 4, folder, 1, false, 0);
  const PipelineFiles files{fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti", {}, {}, {}};
  const Pipeline exact = Pipeline::open(files), plain = Pipeline::open(files, {"reference", "f32"}),
                 rough = Pipeline::open(files, {"fast", "bf16"});
  const EvaluateOptions options{folder, 4, 0, {"rgb"}};
  const AgreementResult same = agreement(exact, plain, options), near = agreement(exact, rough, options);
  ASSERT_GE(same.outputs.size(), 5u);
  for (const auto& output : same.outputs) {
    EXPECT_EQ(output.tokens, 1) << output.modality;
    EXPECT_EQ(output.predictions, 1) << output.modality;
  }
  double tokens = 0;
  for (const auto& output : near.outputs) tokens += output.tokens / static_cast<double>(near.outputs.size());
  EXPECT_GT(tokens, 0.8) << to_json(near);
  EXPECT_NE(agreement_table(same).find("100.0 %"), std::string::npos);
  EXPECT_GT(agreement(exact, plain, {folder, 2, 0, {"all"}}).outputs.size(), same.outputs.size());
  EXPECT_THROW(agreement(exact, rough, {folder, 4, 0, {"rgb", "depth"}}), Error);
}

}  // namespace
}  // namespace fourm
