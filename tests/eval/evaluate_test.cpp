// The bundled model on a few rooms: what is reported, not how good it is.
#include "fourm/eval/evaluate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/eval/evaluation_table.h"
#include "fourm/eval/held_out.h"
#include "fourm/rooms/dataset.h"

namespace fourm {
namespace {

class EvaluateTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_quiet(true);
    folder_ = fs::temp_directory_path() / ("fourm_evaluate_" + std::to_string(getpid()));
    RoomOptions world;
    world.split = Split::kVal;
    write_rooms(RoomMaker(world), 3, folder_, 1, false, 0);
    pipeline_ =
        std::make_unique<Pipeline>(Pipeline::open({fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti", {}, {}, {}}));
  }
  static void TearDownTestSuite() {
    pipeline_.reset();
    fs::remove_all(folder_);
  }

  static std::vector<std::string> measured(const Json& input) {
    std::vector<std::string> names;
    for (const auto& m : input["measures"]) names.push_back(m["measure"]);
    return names;
  }

  static inline fs::path folder_;
  static inline std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(EvaluateTest, EachInputSetLeavesOutWhatIsGiven) {
  EvaluateOptions options{folder_, 3, 1, {"rgb", "rgb+caption", "all"}};
  const Json report = evaluate(*pipeline_, options);
  EXPECT_EQ(report["samples"], 3);
  const std::vector<std::string> maps{"depth AbsRel", "depth delta1", "normals mean angle", "semantic mIoU",
                                      "boxes AP50"},
      captions{"caption names large objects", "caption names the largest"}, rgb{"rgb PSNR", "rgb: main object found"};
  auto of_rgb = maps, of_all = rgb;
  of_rgb.insert(of_rgb.end(), captions.begin(), captions.end());
  of_all.insert(of_all.end(), of_rgb.begin(), of_rgb.end());
  ASSERT_EQ(report["inputs"].size(), 3u);
  EXPECT_EQ(measured(report["inputs"][0]), of_rgb);
  EXPECT_EQ(measured(report["inputs"][1]), maps);
  EXPECT_EQ(measured(report["inputs"][2]), of_all);
  // Ceilings and baselines are those of the set, whatever is given.
  for (size_t i = 0; i < maps.size(); ++i)
    for (const char* column : {"ceiling", "baseline"}) {
      EXPECT_EQ(report["inputs"][0]["measures"][i][column], report["inputs"][1]["measures"][i][column]);
      EXPECT_EQ(report["inputs"][0]["measures"][i][column], report["inputs"][2]["measures"][i + 2][column]);
    }
  EXPECT_EQ(evaluate(*pipeline_, options), report);
  const std::string table = evaluation_table(report);
  for (const char* text : {"3 samples", "rgb+caption ->", "boxes AP50 (higher)", "share closed"})
    EXPECT_NE(table.find(text), std::string::npos) << table;
}

TEST_F(EvaluateTest, TruthIsReadAsStored) {
  const HeldOut held = HeldOut::read(*pipeline_, folder_, 2);
  ASSERT_EQ(held.samples.size(), 2u);
  EXPECT_EQ(held.subject("rgb").input, "rgb@128");
  EXPECT_EQ(held.subject("rgb").output, "tok_rgb@128");
  RoomOptions world;
  world.split = Split::kVal;
  const RoomSample room = RoomMaker(world).make(1);
  const HeldOutSample& sample = held.samples[1];
  EXPECT_EQ(std::get<Raster<uint16_t>>(sample.pictures.at("depth")), room.depth_mm);
  EXPECT_EQ(std::get<Image>(sample.pictures.at("semseg")), room.semseg);
  EXPECT_EQ(sample.boxes.size(), room.det["instances"].size());
  EXPECT_EQ(sample.caption, room.captions.back());
  EXPECT_EQ(sample.scene.largest, room.scene["largest"].get<std::string>());
}

TEST_F(EvaluateTest, SaysWhatIsWrong) {
  const auto message = [&](const EvaluateOptions& options) -> std::string {
    try {
      evaluate(*pipeline_, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({folder_, 2, 0, {"dept"}}).find("did you mean 'depth'"), std::string::npos);
  EXPECT_NE(message({folder_, 2, 0, {"rgb+"}}), "");
  EXPECT_NE(message({folder_, 1, 0, {"rgb"}}).find("fewer than two"), std::string::npos);
  EXPECT_NE(message({folder_ / "rgb", 2, 0, {"rgb"}}), "");
}

}  // namespace
}  // namespace fourm
