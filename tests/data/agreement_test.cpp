// What `fourm data check` calls valid trains, and what it names does not: each set goes through the check and through
// the reader of pre-training.
#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/check.h"
#include "fourm/data/convert.h"
#include "fourm/data/reader.h"
#include "fourm/data/token_set.h"
#include "fourm/io/image.h"
#include "fourm/io/npz.h"
#include "fourm/io/tar.h"
#include "fourm/modality/transform.h"
#include "fourm/text/wordpiece_trainer.h"
#include "tests/support/captured_log.h"
#include "tests/support/temporary_folder.h"

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
    WordPieceTrainer trainer({.vocabulary_size = 2300,
                              .sentinels = 20,
                              .coordinates = 512,
                              .classes = {"bed", "chair"},
                              .min_frequency = 0});
    trainer.add("crop one of a room with a bed");
    text.emplace(WordPiece::from_json(trainer.tokenizer_json(), "the test"));
    table.extend(kModalities, "the test");
  }

  // Three valid samples of tokens, and one file that may not be.
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

  // What training and the check do with a set that lacks modalities of a recipe: faults and warnings, or an error.
  struct Found {
    bool fault = false;
    size_t warnings = 0;
    auto operator<=>(const Found&) const = default;
  };
  Found checked(const fs::path& set, const SetRecipe& recipe) const {
    CheckOptions options;
    for (const auto& name : recipe.inputs) options.modalities.push_back(table.at(name));
    options.recipe = recipe;
    options.table = &table;
    options.text = &*text;
    const CheckReport report = check_data(set.string(), options);
    return {!report.faults.empty(), report.warnings.size()};
  }
  Found trained_with(const fs::path& set, const SetRecipe& recipe) const {
    const test::CapturedLog captured;
    Found found;
    try {
      std::vector<Modality> modalities;
      for (const auto& name : recipe.inputs) modalities.push_back(table.at(name));
      TokenSet tokens(set.string(), modalities, *text);
      SetRecipe present = recipe;
      for (auto* names : {&present.inputs, &present.targets})
        std::erase_if(*names, [&](const auto& name) { return !contains(tokens.modalities(), name); });
      masking_of_set(present, table, 224, 16, [](const std::string& message) { warn(message); });
      std::vector<std::string> needed = present.targets;
      std::erase_if(needed, [&](const auto& name) { return !can_be_target(table.at(name).kind); });
      std::vector<ReaderSet> sets;
      sets.push_back({std::move(tokens), 1, 1, needed});
      const TokenReader reader(std::move(sets), 1);
      for (int64_t i = 0; i < 2 * reader.size(); ++i) reader.sample(i);
    } catch (const Error&) {
      found.fault = true;
    }
    const std::string warnings = captured.warnings();
    for (size_t at = 0; (at = warnings.find("warning:", at)) != std::string::npos; ++at) ++found.warnings;
    return found;
  }

  // Both the check and training accept (or refuse) the set, in folders and in shards. `without_modalities`: also a check that does
  // not know the modalities does.
  void expect(bool valid, const std::string& what, const fs::path& set, bool without_modalities) {
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
      if (without_modalities) {
        EXPECT_EQ(complaints(options).empty(), valid) << what << " without modalities: " << complaints(options);
      }
      options.modalities = modalities;
      EXPECT_EQ(complaints(options).empty(), valid) << what << " without a text tokenizer: " << complaints(options);
      options.text = &*text;
      EXPECT_EQ(complaints(options).empty(), valid) << what << ": " << complaints(options);
      const std::string failure = trained(path, modalities);
      EXPECT_EQ(failure.empty(), valid) << what << ": " << failure;
      EXPECT_TRUE(failure.empty() || failure.find(path) != std::string::npos) << failure;
    };
    go(set.string());
    fs::remove_all(set.string() + "_shards");
    convert_to_shards(set.string(), set.string() + "_shards", 2);
    go(set.string() + "_shards");
  }
  // The check and training agree on a layout that cannot be converted.
  void expect_layout(bool valid, const fs::path& set) const {
    CheckOptions options;
    options.missing_ok = true;
    options.modalities = {table.at("tok_x@64"), table.at("scene_desc")};
    const CheckReport report = check_data(set.string(), options);
    EXPECT_EQ(report.faults.empty(), valid) << set << (report.faults.empty() ? "" : report.faults[0].text());
    const std::string failure = trained(set.string(), options.modalities);
    EXPECT_EQ(failure.empty(), valid) << set << ": " << failure;
  }
  void expect_valid(const std::string& file, const std::string& bytes) {
    expect(true, file + " " + bytes, write(file, bytes), true);
  }
  void refused(const std::string& file, const std::string& bytes) {
    expect(false, file + " " + bytes, write(file, bytes), true);
  }
  void expect_valid(const std::string& file, const NpyArray& array) { expect_valid(file, encode_npy(array)); }
  void refused(const std::string& file, const NpyArray& array) { refused(file, encode_npy(array)); }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
  std::optional<WordPiece> text;
  ModalityTable table;
  int count = 0;
};

TEST_F(AgreementTest, TextsOfAModalityOfOnesOwn) {
  expect_valid("scene_desc/0.txt", "crop one");
  expect_valid("scene_desc/0.txt",
               "\xef\xbb\xbf"
               "crop one");
  expect_valid("scene_desc/0.json", "\"crop one\"");
  expect_valid("scene_desc/0.json", R"(["crop one", "a bed"])");
  expect_valid("scene_desc/0.json", R"({"caption": "crop one"})");
  expect_valid("scene_desc/0.json", R"([{"text": "crop one"}, {"text": "a bed"}])");
  expect_valid("scene_desc/0.txt",
               "crop one of a room with a bed crop one of a room with a bed crop one of a room with a bed");
  for (const char* json : {"[]", "null", "[\"\"]", "[\"crop one\", null]", "[[\"crop one\", \"a\"], [\"bed\"]]", "",
                           "\"crop one\"\n\"crop two\"", "{\"caption\": null}", "{\"text\": [[\"a\"]]}"})
    refused("scene_desc/1.json", json);
  refused("scene_desc/1.txt", " \n");
  refused("scene_desc/1.txt", "caf\xe9");
}

TEST_F(AgreementTest, Tokens) {
  expect_valid("tok_x@64/1.npy", npy_from_integers(ids(16, 16), {16}, "i2"));
  expect_valid("tok_x@64/1.npy", npy_from_integers(ids(16, 16), {4, 4}, "i8"));
  expect_valid("tok_x@64/1.npy", npy_from_integers(ids(48, 16), {3, 4, 4}, "u1"));
  expect_valid("tok_x@64/1.npy", npy_from_integers(ids(48, 16), {3, 16}, "i4"));
  expect_valid("tok_x@64/1.npy", npy_from_integers(ids(16, 16), {1, 16}, "u4"));
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
  expect_valid("tok_audio/0.npy", npy_from_integers(ids(512, 2048), {512}, "i2"));
  expect_valid("tok_audio/0.npy", npy_from_integers(ids(300, 2048), {1, 300}, "i2"));
  expect_valid("notes/0.npy", npy_from_integers(ids(512, 2000), {512}, "i2"));
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{8, 64}, {64, 8}}) {  // crops of fewer tokens, no grid
    ExpectedTokens expected;
    expected.rule = ExpectedTokens::Length::kAtMost;
    expected.length = 512;
    const TokenArray array(encode_npy(npy_from_integers(ids(512, 2048), shape, "i2")), "x", expected);
    EXPECT_EQ(array.crops(), shape[0]);
    EXPECT_EQ(array.length(), shape[1]);
  }
  expect(false, "too long", write("tok_audio/0.npy", encode_npy(npy_from_integers(ids(513, 2048), {513}))), false);
}

TEST_F(AgreementTest, OfficialFiles) {
  expect_valid("metadata/0.json",
               R"({"original_width": 640, "original_height": 480, "n_humans": 2, "brightness": 120.5})");
  expect_valid("color_palette/0.json", R"([{"1": [[1, 2, 3]], "2": [[1, 2, 3], [4, 5, 6]]}])");
  expect_valid("human_poses/0.json", "[]");
  expect_valid("det/0.json",
               R"({"instances": [{"boxes": [-1e-9, 0, 1.0000001, 1], "class_name": "bed", "score": 0.9}]})");
  refused("metadata/0.json", "[]");
  refused("metadata/0.json", R"({"width": 3})");
  refused("color_palette/0.json", R"([{"1": [[1, 2]]}])");
  refused("human_poses/0.json", R"({"pose": [1]})");
  refused("det/0.json", R"({"instances": [{"boxes": [0, 0, 1.1, 1], "class_name": "bed", "score": 0.9}]})");
  const NpyArray emb = npy_from_floats(std::vector<float>(2 * 6 * 8, 0.5), {2, 6, 8});
  const fs::path plain = write("t5_caption/0.npz", encode_npz({{"emb", emb}}, true));
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

// The check reads a label map where tokenizers do.
TEST_F(AgreementTest, LabelMaps) {
  InputConfig config;
  config.kind = "semseg";
  const auto expect_map = [&](bool valid, const std::string& what, const std::string& bytes) {
    const fs::path set = root / std::to_string(++count);
    write_file(set / "semseg/0.png", bytes);
    EXPECT_EQ(check_data(set.string(), {}).faults.empty(), valid) << what;
    const auto read = [&] { decode_stored_image(config, bytes, "the test", std::nullopt); };
    if (valid) {
      EXPECT_NO_THROW(read()) << what;
    } else {
      EXPECT_THROW(read(), Error) << what;
    }
  };
  Image labels(8, 8, 1, 2);
  const std::vector<Colour> palette(256, Colour{9, 8, 7});
  expect_map(true, "grey", encode_png(labels));
  expect_map(true, "palette", encode_label_png(labels, palette));
  labels.pixels[5] = 255;
  expect_map(true, "grey with 255", encode_png(labels));
  expect_map(true, "palette with 255", encode_label_png(labels, palette));
  expect_map(false, "RGB", encode_png(Image(8, 8, 3, 2)));
  expect_map(false, "RGBA", encode_png(Image(8, 8, 4, 2)));
  expect_map(false, "16 bits", encode_png16(Raster<uint16_t>(8, 8, 1, 2)));
}

TEST_F(AgreementTest, LayoutsOfShards) {
  const std::string tokens = encode_npy(npy_from_integers(ids(16, 16), {1, 16}, "i2"));
  const auto set = [&](const std::vector<std::string>& archives) {
    const fs::path path = root / std::to_string(++count);
    for (const auto& archive : archives) {
      const std::vector<std::string> parts = split(archive, ':');
      write_tar(path / parts[0], [&](TarWriter& tar) {
        for (const auto& member : split(parts[1], ' '))
          tar.add(member, member.ends_with(".npy") ? tokens : member.ends_with(".json") ? "{}" : "crop one");
      });
    }
    return path;
  };
  expect_layout(true, set({"0.tar:0.tok_x@64.npy 0.scene_desc.txt 1.tok_x@64.npy 1.scene_desc.txt"}));
  expect_layout(true, set({"tok_x@64/0.tar:a/0.npy b/0.npy", "scene_desc/0.tar:a/0.txt b/0.txt"}));
  expect_layout(true, set({"0.tar:2.0.tok_x@64.npy 2.0.scene_desc.txt 2.1.tok_x@64.npy 2.1.scene_desc.txt"}));
  expect_layout(true, set({"0.tar:0.tok_x@64.npy 0.txt 0.json"}));
  expect_layout(true, set({"0.TAR:0.tok_x@64.npy 0.scene_desc.TXT"}));
  expect_layout(true, set({"0.tar:./0.tok_x@64.npy ./0.scene_desc.txt"}));
  expect_layout(false, set({"0.tar:a.b.tok_x@64.npy a.b.scene_desc.txt a.c.tok_x@64.npy a.c.scene_desc.txt"}));
  expect_layout(false, set({"0.tar:0.tok_x@64.npy", "1.tar:0.tok_x@64.npy"}));
  expect_layout(false, set({"0.tar:0.tok_x@64.npy 0.tok_x@64.npy"}));
  expect_layout(false, set({"0.tar:0.tok_x@64.pth 0.scene_desc.txt"}));
  const fs::path compressed = set({"0.tar:0.tok_x@64.npy"});
  write_file(compressed / "1.tar.gz", "\x1f\x8b");
  expect_layout(false, compressed);
  const fs::path table_of_text = set({"tok_x@64/0.tar:0.npy"});
  fs::remove_all(table_of_text);
  write_file(table_of_text / "tok_x@64/0.npy", tokens);
  write_file(table_of_text / "scene_desc/0.csv", "a,b\n1,2\n");
  expect_layout(false, table_of_text);
}

TEST_F(AgreementTest, MissingMembers) {
  MaskingConfig masking;
  masking.input_tokens = masking.target_tokens = {4, 8};
  masking.mixture.resize(1);
  masking.mixture[0].name = "all";
  masking.mixture[0].input_others = masking.mixture[0].target_others = 1;
  const std::vector<std::string> both{"tok_x@64", "scene_desc"};
  const auto expect_found = [&](const fs::path& set, const SetRecipe& recipe, Found expected) {
    for (const fs::path& path : {set, fs::path(set.string() + "_shards")}) {
      if (path != set) convert_to_shards(set.string(), path, 2);
      const Found check = checked(path, recipe), training = trained_with(path, recipe);
      EXPECT_TRUE(check == expected) << path << ": " << check.fault << " " << check.warnings;
      EXPECT_EQ(check.fault, training.fault) << path;
      if (!expected.fault) {
        EXPECT_EQ(check.warnings, training.warnings) << path;
      }
      if (path != set) fs::remove_all(path);
    }
  };
  const auto some_texts = [&] { return write("scene_desc/0.txt", "crop one"); };
  // A sample without one of the modalities is read as it is.
  expect_found(some_texts(), {both, both, masking}, {false, 0});
  // Samples without any target are left out; a set of such samples alone cannot be trained on.
  expect_found(some_texts(), {both, {"scene_desc"}, masking}, {false, 1});
  // The whole set lacks a modality.
  const fs::path lacking = some_texts();
  fs::remove_all(lacking / "scene_desc");
  expect_found(lacking, {both, both, masking}, {false, 1});
  expect_found(lacking, {both, {"scene_desc"}, masking}, {true, 1});
  expect_found(lacking, {{"scene_desc"}, {"scene_desc"}, masking}, {true, 0});
  // Masking components that have no input or no target in the set.
  MaskingConfig two = masking;
  two.mixture.push_back(masking.mixture[0]);
  two.mixture[1].name = "text";
  two.mixture[1].input = {{"scene_desc", 1}};
  two.mixture[1].input_others = 0;
  expect_found(some_texts(), {both, both, two}, {false, 0});
  expect_found(lacking, {both, both, two}, {false, 2});
  two.mixture[0].weight = 0;
  expect_found(lacking, {both, both, two}, {true, 1});
  // A text tokenizer of more tokens than the modality's vocabulary.
  table.extend("modalities: {scene_desc: {kind: sequence, vocab_size: 3, max_tokens: 8}}", "test");
  expect_found(some_texts(), {both, both, masking}, {true, 0});
  expect_found(lacking, {both, both, masking}, {false, 1});
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
