// Measures of captions against pycocoevalcap (pycocoevalcap_values.py).
#include <gtest/gtest.h>

#include <fstream>

#include "fourm/coco/caption_files.h"
#include "fourm/coco/ptb_words.h"
#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "tests/coco/random_set.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

using test::message_of;

const std::string kCaptionFiles = std::string(FOURM_SOURCE_DIR) + "/tests/coco/";

std::vector<std::string> random_words(SharedRandom& random) {
  std::vector<std::string> words(static_cast<size_t>(random.below(12)));
  for (auto& word : words) {
    const int64_t a = random.below(30), b = random.below(30);
    word = "w" + std::to_string(std::min(a, b));
  }
  return words;
}

TEST(Captions, ScoresEqualThoseOfPycocoevalcap) {
  std::ifstream expected(kCaptionFiles + "pycocoevalcap_scores.txt");
  int64_t positive = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SharedRandom random(seed);
    std::vector<CaptionWords> captions(static_cast<size_t>(1 + random.below(8)));
    for (auto& caption : captions) {
      caption.references.resize(static_cast<size_t>(1 + random.below(5)));
      for (auto& reference : caption.references) reference = random_words(random);
      if (random.below(4) == 0) {
        caption.predicted = caption.references[0];
        caption.predicted.emplace_back("w1");
      } else {
        caption.predicted = random_words(random);
      }
    }
    const Json scores = to_json(score_captions(captions));
    for (const auto& [name, value] : scores.items()) {
      double number = 0;
      ASSERT_TRUE(expected >> number);
      EXPECT_NEAR(value.get<double>(), number, 1e-6) << name << " of set " << seed;
      positive += number > 1e-3;
    }
  }
  EXPECT_GT(positive, 150);
}

TEST(Captions, WordsEqualThoseOfPycocoevalcap) {
  std::ifstream captions(kCaptionFiles + "captions.txt"), expected(kCaptionFiles + "captions_words.txt");
  int64_t lines = 0;
  for (std::string caption, words; std::getline(captions, caption); ++lines) {
    ASSERT_TRUE(std::getline(expected, words));
    EXPECT_EQ(join(ptb_words(caption), " "), words) << caption;
  }
  EXPECT_GT(lines, 30);
}

TEST(Captions, WordsOfAnyBytes) {
  EXPECT_TRUE(ptb_words("").empty());
  EXPECT_TRUE(ptb_words(" . , \"' \n").empty());
  SharedRandom random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int64_t n = random.below(12); n > 0; --n) text += static_cast<char>(random.below(256));
    for (const auto& word : ptb_words(text)) EXPECT_FALSE(word.empty());
  }
}

TEST(Captions, FilesAreReadByImage) {
  const test::TemporaryFolder folder;
  const auto read = [&](const Json& truth, const std::vector<Json>& predicted) {
    write_json(folder / "truth.json", truth);
    write_json(folder / "found.json", Json(predicted));
    return read_captions(folder / "truth.json", folder / "found.json");
  };
  const auto caption = [](int image, const std::string& text) { return Json{{"image_id", image}, {"caption", text}}; };
  const Json truth{{"annotations", {caption(2, "A bed."), caption(1, "a sofa"), caption(2, "A red bed")}}};
  const test::CapturedLog log;
  const auto captions = read(truth, {caption(2, "The bed!")});
  ASSERT_EQ(captions.size(), 1u);
  EXPECT_EQ(captions[0].predicted, (std::vector<std::string>{"the", "bed"}));
  EXPECT_EQ(captions[0].references.size(), 2u);
  EXPECT_NE(log.warnings().find("1 image with captions"), std::string::npos);
  const auto message = [&](const std::vector<Json>& predicted) {
    const std::string text = message_of([&] { read(truth, predicted); });
    return text.substr(text.find(".json: ") + 7);
  };
  EXPECT_EQ(message({caption(3, "a")}), "predictions[0]: the image 3 has no caption in the ground truth");
  EXPECT_EQ(message({caption(1, "a"), caption(1, "b")}), "predictions[1]: a second caption of the image 1");
  EXPECT_EQ(message({{{"image_id", 1}, {"caption", 5}}}), "predictions[0]: the key 'caption' is no text");
  EXPECT_EQ(message({}), "expected a list of one or more predictions");
}

}  // namespace
}  // namespace fourm
