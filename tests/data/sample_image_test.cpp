#include "fourm/data/sample_image.h"

#include <gtest/gtest.h>

#include "fourm/data/check.h"
#include "fourm/data/crop.h"
#include "fourm/data/token_set.h"
#include "fourm/io/image.h"
#include "fourm/io/npy.h"
#include "tests/support/captured_log.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

// Samples without crop_settings whose image is 128 wide and 64 high: its middle square is the columns 32 to 96.
class SampleImageTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_token_folder(root / "vocabulary", 1);
    table.extend(root / "vocabulary/modalities.yaml");
    // 0.625 * 128 = 80 becomes (80 - 32) / 64 = 0.75.
    boxes = {{"instances",
              {{{"boxes", {0.375, 0.25, 0.625, 0.75}}, {"class_name", "bed"}, {"score", 0.9}},
               {{"boxes", {0, 0, 0.25, 1}}, {"class_name", "lamp"}, {"score", 0.9}}}}};
    write_json(root / "set/det/a.json", boxes);
    text.emplace(WordPiece::load(root / "vocabulary/text.json"));
  }

  TokenSample sample(const std::vector<std::string>& names) const {
    std::vector<Modality> modalities;
    for (const auto& name : names) modalities.push_back(table.at(name, 64, 16));
    return TokenSet((root / "set").string(), modalities, *text).sample(0, Random(1));
  }
  std::string det() const { return text->decode(sample({"det"}).at("det").ids, false); }
  void write_image(const std::string& modality) const {
    Image image(128, 64, 3);
    for (int y = 0; y < 64; ++y)
      for (int x = 48; x < 80; ++x) image.at(x, y)[0] = 255;
    write_png(root / "set" / modality / "a.png", image);
  }
  void write_tokens(int64_t crops) const {
    write_npy(root / "set/tok_depth@64/a.npy", npy_from_integers(std::vector<int64_t>(16 * crops), {crops, 16}, "i2"));
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
  ModalityTable table;
  Json boxes;
  std::optional<WordPiece> text;
  const std::string cut = "v0=8 v1=8 v2=23 v3=23 bed [EOS]";  // 0.25 * 31 = 7.75, 0.75 * 31 = 23.25
  const std::string whole = "v0=0 v1=0 v2=8 v3=31 lamp v0=12 v1=8 v2=19 v3=23 bed [EOS]";
};

TEST_F(SampleImageTest, BoxesAreCutToTheMiddleSquareOfTheImage) {
  EXPECT_EQ(det(), whole) << "of an image of unknown size, taken to be square";
  write_image("depth");
  EXPECT_EQ(det(), cut) << "any image file of the sample has the size";
  write_image("rgb");
  EXPECT_EQ(det(), cut);
  // Boxes match the pixels: the left edge of the bright columns is at 0.25.
  const TokenSample both = sample({"rgb@64", "det"});
  const ModalityData& pixels = both.at("rgb@64");
  EXPECT_LT(pixels.values[15 * 3], 0);
  EXPECT_GT(pixels.values[pixels.width], 0);
  fs::remove_all(root / "set/rgb");
  fs::remove_all(root / "set/depth");
  boxes["width"] = 128, boxes["height"] = 64;
  write_json(root / "set/det/a.json", boxes);
  EXPECT_EQ(det(), cut) << "stated in the file";
}

// Row 0 of the crop settings of an image that is 128 wide and 65 high does not tell its height.
TEST_F(SampleImageTest, CropsAreInPixelsOfTheImageFile) {
  write_png(root / "set/rgb/a.png", Image(128, 65, 3));
  write_npy(root / "set/crop_settings/a.npy", npy_from_integers({0, 31, 65, 65, 0}, {1, 5}, "i4"));
  const std::string of_image = "v0=0 v1=8 v2=20 v3=23 lamp [EOS]";
  boxes = {{"instances", {{{"boxes", {0, 0.25, 72.2 / 128, 0.75}}, {"class_name", "lamp"}, {"score", 0.9}}}}};
  write_json(root / "set/det/a.json", boxes);
  EXPECT_EQ(det(), of_image) << "(72.2 - 31) / 65 * 31 = 19.6; in an image of 127 pixels: (71.6 - 31) / 65 * 31 = 19.4";
}

TEST_F(SampleImageTest, AnUnknownSizeBesideTokensIsAWarning) {
  write_tokens(1);
  const test::CapturedLog captured;
  EXPECT_EQ(text->decode(sample({"det", "tok_depth@64"}).at("det").ids, false), whole);
  const std::string said = captured.text();
  EXPECT_NE(said.find("det/a.json: the size of the image is not known"), std::string::npos) << said;
}

TEST_F(SampleImageTest, PosesInPixelsNeedNoSizeBesideAnImage) {
  const Json person{{"bbox_xyxy", {{48, 16, 80, 48}}},
                    {"global_orient", {{1, 0, 0, 0, 1, 0, 0, 0, 1}}},
                    {"betas", {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
                    {"cam", {{0, 0, 5}}}};
  write_json(root / "set/human_poses/a.json", person);
  write_image("rgb");
  TextDraw draw;
  const Source source = Source::open((root / "set").string());
  const Annotation poses = parse_annotation(person, "x", TextForm::kPoses);
  const ImageSize size = image_size(source, 0).value();
  draw.view = centre_view(poses, centre_view(size.width, size.height));
  Random random(1);
  EXPECT_TRUE(draw_text(poses, draw, random, "x").at(0).starts_with("human v0=250 v1=250 v2=749 v3=749 "));
  EXPECT_TRUE(check_data((root / "set").string(), {}).faults.empty());
}

// Tokens of several crops cannot be paired with what is cut to the middle square.
TEST_F(SampleImageTest, SeveralCropsNeedCropSettings) {
  const std::string part = "cannot be cut to the 2 crops of the sample, which has no crop_settings";
  write_image("rgb");
  write_tokens(2);
  for (const char* name : {"rgb@64", "det"}) {
    try {
      sample({name, "tok_depth@64"});
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  }
  EXPECT_EQ(sample({"tok_depth@64"}).size(), 1u);
  write_file(root / "set/modalities.yaml", test::kSmallModalities);
  const auto faults = [&] {
    std::string all;
    for (const Fault& fault : check_data((root / "set").string(), {}).faults) all += fault.text() + "\n";
    return all;
  };
  EXPECT_NE(faults().find("a.json: " + part), std::string::npos) << faults();
  EXPECT_NE(faults().find("a.png: " + part), std::string::npos) << faults();
  write_npy(root / "set/crop_settings/a.npy", npy_from_integers({0, 32, 64, 64, 0, 0, 0, 64, 64, 0}, {2, 5}, "i4"));
  EXPECT_EQ(faults(), "");
  EXPECT_EQ(sample({"rgb@64", "det", "tok_depth@64"}).size(), 3u);
}

// The tokens of a pose are those of the image as it is.
TEST_F(SampleImageTest, MirroredCropsGoWithoutPoses) {
  WordPieceTrainer trainer({.vocabulary_size = 4200, .sentinels = 20, .coordinates = 1000, .classes = {"bed", "lamp"}});
  trainer.add("human pose");
  text.emplace(WordPiece::from_json(trainer.tokenizer_json(), "the test"));
  table.extend(R"(modalities:
  det: {kind: sequence, vocab_size: 4200, max_tokens: 16}
  human_poses: {kind: sequence, vocab_size: 4200, max_tokens: 200})",
               "test");
  const Json person{{"bbox_normalized", {{0.4, 0.2, 0.6, 0.8}}},
                    {"global_orient", {{1, 0, 0, 0, 1, 0, 0, 0, 1}}},
                    {"betas", {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
                    {"cam", {{0, 0, 5}}}};
  const auto present = [&](const Json& people, int64_t flip) {
    write_json(root / "set/human_poses/a.json", people);
    write_npy(root / "set/crop_settings/a.npy", npy_from_integers({0, 32, 64, 64, flip}, {1, 5}, "i4"));
    return sample({"det", "human_poses"}).contains("human_poses");
  };
  EXPECT_TRUE(present(person, 0));
  EXPECT_FALSE(present(person, 1));
  EXPECT_TRUE(present(Json::array(), 1)) << "nobody is there in the mirrored image either";
}

}  // namespace
}  // namespace fourm
