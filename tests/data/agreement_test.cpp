// What `fourm data check` calls sound trains, and what it names does not: each set goes through the check and through
// the reader of pre-training.
#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/data/check.h"
#include "fourm/data/convert.h"
#include "fourm/data/token_set.h"
#include "fourm/io/image.h"
#include "fourm/text/wordpiece_trainer.h"
#include "tests/support/npz.h"

namespace fourm {
namespace {

constexpr const char* kModalities = R"(modalities:
  tok_x@64: {kind: tokens, vocab_size: 16, image_size: 64, patch_size: 16}
  tok_audio: {kind: tokens, vocab_size: 2048, max_tokens: 512}
  notes: {kind: sequence, vocab_size: 2400, max_tokens: 512}
  scene_desc: {kind: sequence, vocab_size: 2400, max_tokens: 16}
  metadata: {kind: sequence, vocab_size: 2400, max_tokens: 40}
  color_palette: {kind: sequence, vocab_size: 2400, max_tokens: 23}
  human_poses: {kind: sequence, vocab_size: 2400, max_tokens: 275}
  det: {kind: sequence, vocab_size: 2400, max_tokens: 64}
  t5_caption: {kind: embeddings, width: 8, max_tokens: 6}
  rgb@32: {kind: pixels, image_size: 32, patch_size: 16}
)";

std::vector<int64_t> ids(int64_t n, int64_t below) {
  std::vector<int64_t> out(n);
  for (int64_t i = 0; i < n; ++i) out[i] = 7 * i % below;
  return out;
}

class AgreementTest : public testing::Test {
 protected:
  void SetUp() override {
    set_quiet(true);
    root = fs::path(testing::TempDir()) /
           ("agreement_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root);
    WordPieceTrainer trainer(
        {.vocabulary_size = 2300, .sentinels = 20, .coordinates = 512, .classes = {"bed", "chair"}});
    trainer.add("crop one of a room with a bed");
    text.emplace(WordPiece::from_json(trainer.tokenizer_json(), "the test"));
    table.extend(kModalities, "the test");
  }
  void TearDown() override { fs::remove_all(root); }

  // Three sound samples of tokens, and one file that may not be.
  fs::path write(const std::string& file, const std::string& bytes) {
    const fs::path set = root / std::to_string(++count);
    for (int i = 0; i < 3; ++i)
      write_npy(set / "tok_x@64" / (std::to_string(i) + ".npy"), npy_from_integers(ids(16, 16), {1, 16}, "i2"));
    write_file(set / file, bytes);
    return set;
  }

  std::string trained(const std::string& set, const std::vector<Modality>& modalities) const {
    try {
      const TokenSet tokens(set, modalities, *text);
      for (int64_t i = 0; i < tokens.size(); ++i)
        for (uint64_t n = 0; n < 12; ++n) tokens.sample(i, Random(n));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // Both the check and training accept (or refuse) the set, in folders and in shards. `told`: also a check that does
  // not know the modalities does.
  void expect(bool sound, const std::string& what, const fs::path& set, bool told) {
    const auto go = [&](const std::string& path) {
      std::vector<Modality> modalities;
      const Source source = Source::open(path);
      for (const auto& name : table.names())
        if (source.has(folder_of(source, name))) modalities.push_back(table.at(name));
      const auto complaints = [&](const CheckOptions& options) {
        std::string all;
        for (const auto& fault : check_data(path, options).faults) all += fault.text() + "\n";
        return all;
      };
      CheckOptions options;
      options.missing_ok = true;
      if (told) {
        EXPECT_EQ(complaints(options).empty(), sound) << what << " without modalities: " << complaints(options);
      }
      options.modalities = modalities;
      EXPECT_EQ(complaints(options).empty(), sound) << what << " without a text tokenizer: " << complaints(options);
      options.text = &*text;
      EXPECT_EQ(complaints(options).empty(), sound) << what << ": " << complaints(options);
      const std::string failure = trained(path, modalities);
      EXPECT_EQ(failure.empty(), sound) << what << ": " << failure;
      EXPECT_TRUE(failure.empty() || failure.find(path) != std::string::npos) << failure;
    };
    go(set.string());
    fs::remove_all(set.string() + "_shards");
    convert_to_shards(set.string(), set.string() + "_shards", 2);
    go(set.string() + "_shards");
  }
  void sound(const std::string& file, const std::string& bytes) {
    expect(true, file + " " + bytes, write(file, bytes), true);
  }
  void refused(const std::string& file, const std::string& bytes) {
    expect(false, file + " " + bytes, write(file, bytes), true);
  }
  void sound(const std::string& file, const NpyArray& array) { sound(file, encode_npy(array)); }
  void refused(const std::string& file, const NpyArray& array) { refused(file, encode_npy(array)); }

  fs::path root;
  std::optional<WordPiece> text;
  ModalityTable table;
  int count = 0;
};

TEST_F(AgreementTest, TextsOfAModalityOfOnesOwn) {
  sound("scene_desc/0.txt", "crop one");
  sound("scene_desc/0.txt",
        "\xef\xbb\xbf"
        "crop one");
  sound("scene_desc/0.json", "\"crop one\"");
  sound("scene_desc/0.json", R"(["crop one", "a bed"])");
  sound("scene_desc/0.json", R"({"caption": "crop one"})");
  sound("scene_desc/0.json", R"([{"text": "crop one"}, {"text": "a bed"}])");
  sound("scene_desc/0.txt",
        "crop one of a room with a bed crop one of a room with a bed crop one of a room with a bed");
  for (const char* json : {"[]", "null", "[\"\"]", "[\"crop one\", null]", "[[\"crop one\", \"a\"], [\"bed\"]]", "",
                           "\"crop one\"\n\"crop two\"", "{\"caption\": null}", "{\"text\": [[\"a\"]]}"})
    refused("scene_desc/1.json", json);
  refused("scene_desc/1.txt", " \n");
  refused("scene_desc/1.txt", "caf\xe9");
}

TEST_F(AgreementTest, Tokens) {
  sound("tok_x@64/1.npy", npy_from_integers(ids(16, 16), {16}, "i2"));
  sound("tok_x@64/1.npy", npy_from_integers(ids(16, 16), {4, 4}, "i8"));
  sound("tok_x@64/1.npy", npy_from_integers(ids(48, 16), {3, 4, 4}, "u1"));
  sound("tok_x@64/1.npy", npy_from_integers(ids(48, 16), {3, 16}, "i4"));
  sound("tok_x@64/1.npy", npy_from_integers(ids(16, 16), {1, 16}, "u4"));
  const auto strict = [&](const NpyArray& array) {
    const fs::path set = write("tok_x@64/1.npy", encode_npy(array));
    write_file(set / "modalities.yaml", kModalities);
    expect(false, "tokens", set, true);
  };
  strict(npy_from_integers(ids(15, 16), {1, 15}));
  strict(npy_from_integers(ids(16, 17), {1, 16}));
  strict(npy_from_integers({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, -1}, {1, 16}));
  strict(npy_from_floats(std::vector<float>(16, 1), {1, 16}));
  strict(npy_from_integers({}, {0, 16}));
}

TEST_F(AgreementTest, TokensThatAreNoGrid) {
  sound("tok_audio/0.npy", npy_from_integers(ids(512, 2048), {512}, "i2"));
  sound("tok_audio/0.npy", npy_from_integers(ids(300, 2048), {1, 300}, "i2"));
  sound("notes/0.npy", npy_from_integers(ids(512, 2000), {512}, "i2"));
  expect(false, "too long", write("tok_audio/0.npy", encode_npy(npy_from_integers(ids(513, 2048), {513}))), false);
}

TEST_F(AgreementTest, OfficialFiles) {
  sound("metadata/0.json", R"({"original_width": 640, "original_height": 480, "n_humans": 2, "brightness": 120.5})");
  sound("color_palette/0.json", R"([{"1": [[1, 2, 3]], "2": [[1, 2, 3], [4, 5, 6]]}])");
  sound("human_poses/0.json", "[]");
  sound("det/0.json", R"({"instances": [{"boxes": [-1e-9, 0, 1.0000001, 1], "class_name": "bed", "score": 0.9}]})");
  refused("metadata/0.json", "[]");
  refused("metadata/0.json", R"({"width": 3})");
  refused("color_palette/0.json", R"([{"1": [[1, 2]]}])");
  refused("human_poses/0.json", R"({"pose": [1]})");
  refused("det/0.json", R"({"instances": [{"boxes": [0, 0, 1.1, 1], "class_name": "bed", "score": 0.9}]})");
  const NpyArray emb = npy_from_floats(std::vector<float>(2 * 6 * 8, 0.5), {2, 6, 8});
  const fs::path plain = write("t5_caption/0.npz", test::encode_npz({{"emb", emb}}, true));
  expect(true, "embeddings", plain, false);
  expect(true, "embeddings", write("t5_caption/0.npy", encode_npy(npy_from_floats(std::vector<float>(24, 1), {3, 8}))),
         false);
}

TEST_F(AgreementTest, CropsAgreeWithinASample) {
  const fs::path set = write("scene_desc/0.json", R"(["a", "b", "c"])");
  write_npy(set / "tok_x@64/0.npy", npy_from_integers(ids(48, 16), {3, 16}, "i2"));
  expect(true, "samples of other numbers of crops", set, true);
  write_npy(set / "crop_settings/0.npy", npy_from_integers({0, 0, 8, 8, 0, 0, 0, 8, 8, 0}, {2, 5}, "i4"));
  expect(false, "two crop settings for three crops", set, true);
}

TEST_F(AgreementTest, ImagesAreCutAsTheirCropSettingsSay) {
  const auto set = [&](int64_t side) {
    const fs::path path = write("rgb/0.png", encode_png(Image(40, 40, 3, 90)));
    write_npy(path / "crop_settings/0.npy", npy_from_integers({0, 0, side, side, 0}, {1, 5}, "i4"));
    return path;
  };
  expect(true, "inside the image", set(40), true);
  const fs::path outside = set(50);
  std::vector<Modality> modalities{table.at("rgb@32")};
  CheckOptions options;
  options.missing_ok = true;
  options.modalities = modalities;
  EXPECT_FALSE(check_data(outside.string(), options).faults.empty());
  EXPECT_NE(trained(outside.string(), modalities), "");
}

}  // namespace
}  // namespace fourm
