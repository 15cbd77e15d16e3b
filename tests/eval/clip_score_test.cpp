// On the small CLIP of tests/fixtures/clip.
#include "fourm/eval/clip_score.h"

#include <gtest/gtest.h>

#include "fourm/clip/image_text.h"
#include "fourm/core/json.h"
#include "fourm/io/npy.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

const fs::path kClipFolder = fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/clip";

class ClipScoreTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 3; ++i) {
      Image image(40 + 8 * i, 40, 3);
      for (size_t p = 0; p < image.pixels.size(); ++p) image.pixels[p] = static_cast<uint8_t>(p * (7 + i) % 251);
      write_png(folder / "images" / (std::to_string(i) + ".png"), image);
      write_file(folder / "images" / (std::to_string(i) + ".txt"), captions[i] + "\n");
    }
  }
  ClipScoreOptions options() const {
    ClipScoreOptions o;
    o.images = folder / "images";
    o.model = kClipFolder;
    return o;
  }
  std::string refusal(const ClipScoreOptions& o) const {
    return test::message_of([&] { clip_score(o); });
  }
  const std::vector<std::string> captions{"a red house", "the sea", "a cat on a chair"};
  const test::TemporaryFolder folder;
};

TEST_F(ClipScoreTest, IsTheMeanOfCosinesTimesHundred) {
  const ImageText model = ImageText::open(kClipFolder);
  double expected = 0;
  for (int i = 0; i < 3; ++i) {
    const Image image = read_image(folder / "images" / (std::to_string(i) + ".png"));
    const double cosine = similarity(model.embed(std::vector<StoredImage>{image})[0], model.embed({captions[i]})[0]);
    expected += std::max(100 * cosine, 0.0) / 3;
  }
  const Summary found = clip_score(options());
  EXPECT_EQ(found.count, 3);
  EXPECT_GT(found.mean, 0);
  EXPECT_NEAR(found.mean, expected, 1e-3);
}

TEST_F(ClipScoreTest, CaptionsComeFromListsAndFoldersToo) {
  const double expected = clip_score(options()).mean;
  ClipScoreOptions o = options();
  o.captions = folder / "list.txt";
  write_file(o.captions, "a red house\nthe sea\na cat on a chair\n");
  EXPECT_EQ(clip_score(o).mean, expected);
  o.captions = folder / "list.tsv";
  write_file(o.captions, "id\tcaption\n7\ta red house\n8\tthe sea\n9\ta cat on a chair\n");
  EXPECT_EQ(clip_score(o).mean, expected);
  o.captions = folder / "captions";
  for (int i = 0; i < 3; ++i) write_file(o.captions / (std::to_string(i) + ".txt"), captions[i]);
  EXPECT_EQ(clip_score(o).mean, expected);
}

TEST_F(ClipScoreTest, CaptionsThatDoNotFitAreNamed) {
  ClipScoreOptions o = options();
  o.captions = folder / "list.txt";
  write_file(o.captions, "one\ntwo\n");
  EXPECT_NE(refusal(o).find("list.txt: has 2 captions, but "), std::string::npos) << refusal(o);
  write_file(o.captions, "one\n\nthree\n");
  EXPECT_NE(refusal(o).find("line 2 is empty"), std::string::npos) << refusal(o);
  o.captions = folder / "nowhere.txt";
  EXPECT_NE(refusal(o).find("no such file or folder of captions"), std::string::npos) << refusal(o);
  write_file(folder / "images/1.txt", "one\ntwo\n");
  EXPECT_NE(refusal(options()).find("1.txt: expected one caption"), std::string::npos) << refusal(options());
  fs::remove(folder / "images/1.txt");
  EXPECT_NE(refusal(options()).find("1.png: has no caption"), std::string::npos) << refusal(options());
}

TEST_F(ClipScoreTest, AnInterruptedRunResumesFromStoredScores) {
  ClipScoreOptions o = options();
  o.store = folder / "store";
  const double expected = clip_score(o).mean;
  write_npy(o.store / "clip/0.npy", npy_from_floats({1, 2, 6}, {3, 1}));
  EXPECT_EQ(clip_score(o).mean, 3) << "the stored part was not read";
  fs::remove(o.store / "clip/0.npy");
  EXPECT_EQ(clip_score(o).mean, expected);
  write_file(folder / "images/1.txt", "another caption");
  EXPECT_NE(refusal(o).find("clip: was made from other images or with other options"), std::string::npos) << refusal(o);
}

}  // namespace
}  // namespace fourm
