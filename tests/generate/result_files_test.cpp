// Files of segment-anything instances and poses, with and without their tokenizers.
#include "fourm/generate/result_files.h"

#include <gtest/gtest.h>

#include "fourm/core/json.h"
#include "fourm/draw/mask_outline.h"
#include "fourm/draw/sam_image.h"
#include "fourm/draw/skeleton.h"
#include "fourm/text/sam.h"
#include "tests/support/drawing_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class ResultFilesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    temporary_ = std::make_unique<test::TemporaryFolder>();
    test::write_drawing_model(*temporary_ / "model");
    fs::create_directories(*temporary_ / "no_tokenizers");
    decoding_ = std::make_unique<Pipeline>(Pipeline::open({.model = *temporary_ / "model"}));
    plain_ = std::make_unique<Pipeline>(
        Pipeline::open({.model = *temporary_ / "model", .tokenizers = *temporary_ / "no_tokenizers"}));
  }
  static void TearDownTestSuite() {
    decoding_.reset();
    plain_.reset();
    temporary_.reset();
  }

  // A canvas with a text.
  static Canvas canvas(const std::string& modality, const std::string& text) {
    Canvas c;
    decoding_->add_text(c, modality, text);
    return c;
  }
  // The files of its modality, written into a folder.
  static void write(const Pipeline& pipeline, const Canvas& c, const fs::path& folder) {
    const ResultFiles files(pipeline, folder, {c.entries[0].modality}, 1);
    files.write_tokens(c, c.entries[0].modality, {});
    files.write_decoded(c, c.entries[0].modality, {});
  }

  static inline std::unique_ptr<test::TemporaryFolder> temporary_;
  static inline std::unique_ptr<Pipeline> decoding_, plain_;
};

TEST_F(ResultFilesTest, SamInstancesHavePolygonsWhereTheirTokensAreDecoded) {
  EXPECT_TRUE(decoding_->has_sequence_tokenizer("sam_instance"));
  EXPECT_FALSE(decoding_->has_tokenizer("sam_instance"));
  std::vector<SamPoint> points{{50, 60, {}}, {10, 20, {}}};
  for (int i = 0; i < 3; ++i) {
    SamInstance& instance = points[0].instances.emplace_back();
    instance.box = {20, 30, 120, 160.0 - i};
    for (size_t k = 0; k < 16; ++k) instance.outline[k] = static_cast<double>((i * 331 + k * 67) % 1024);
  }
  const Canvas c = canvas("sam_instance", sam_to_string(points));
  const test::TemporaryFolder out;
  write(*decoding_, c, out / "decoded");
  write(*plain_, c, out / "plain");
  const Json decoded = read_json(out / "decoded/sam_instance.json"), plain = read_json(out / "plain/sam_instance.json");
  EXPECT_EQ(decoded["width"], 224);
  ASSERT_EQ(decoded["points"].size(), 2u);
  EXPECT_EQ(decoded["points"][0]["point"], Json::parse("[50.0, 60.0]"));
  EXPECT_TRUE(decoded["points"][1]["instances"].empty());
  std::vector<Image> masks;
  size_t corners = 0;
  for (size_t i = 0; i < 3; ++i) {
    const SamInstance& instance = points[0].instances[i];
    const std::vector<int64_t> tokens(instance.outline.begin(), instance.outline.end());
    masks.push_back(std::get<Image>(decoding_->decode("sam_instance", {tokens})[0]));
    const Json& item = decoded["points"][0]["instances"][i];
    EXPECT_EQ(item["box"].get<std::vector<double>>(), std::vector<double>(instance.box.begin(), instance.box.end()));
    EXPECT_EQ(item["tokens"].get<std::vector<int64_t>>(), tokens);
    EXPECT_EQ(item["polygon"].size(), mask_outline(masks.back()).size());
    for (const Json& corner : item["polygon"]) {
      EXPECT_TRUE(corner[0] >= 20 && corner[0] <= 120 && corner[1] >= 30 && corner[1] <= 160) << corner;
      ++corners;
    }
    EXPECT_FALSE(plain["points"][0]["instances"][i].contains("polygon"));
  }
  EXPECT_GT(corners, 0u) << "the test needs a mask that is not empty";
  const Image background = canvas_image(*plain_, c);
  EXPECT_EQ(read_image(out / "decoded/sam_instance.png"), draw_sam(background, points, masks, 448));
  EXPECT_EQ(read_image(out / "plain/sam_instance.png"), draw_sam(background, points, {}, 448));
}

TEST_F(ResultFilesTest, PosesHaveASkeletonWhereTheirTokensAreDecoded) {
  HumanPose person;
  person.box = {0.2, 0.1, 0.8, 0.9};
  for (size_t k = 0; k < 8; ++k) person.pose[k] = static_cast<double>(k * 120);
  person.global = {1, 0, 0, 0, -1, 0, 0, 0, -1};
  person.camera = {0.9, 0, 0};
  const std::string text = poses_to_string({person}, {{0, 1, 2, 3}});
  const Canvas c = canvas("human_poses", text);
  const test::TemporaryFolder out;
  write(*decoding_, c, out / "decoded");
  write(*plain_, c, out / "plain");
  EXPECT_TRUE(fs::exists(out / "plain/human_poses.json"));
  const std::vector<HumanPose> people = poses_from_string(text);
  ASSERT_EQ(people.size(), 1u);
  const StoredImage numbers = decoding_->decode("human_poses", {{0, 120, 240, 360, 480, 600, 720, 840}})[0];
  const Image background = canvas_image(*plain_, c);
  EXPECT_EQ(read_image(out / "decoded/human_poses.png"),
            draw_poses(background, people, {std::get<Raster<float>>(numbers).pixels}, 448));
  EXPECT_EQ(read_image(out / "plain/human_poses.png"), draw_poses(background, people, {{}}, 448));
}

}  // namespace
}  // namespace fourm
