#include "fourm/data/token_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/convert.h"
#include "fourm/io/npz.h"
#include "tests/support/captured_log.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

class TokenSets : public testing::Test {
 protected:
  void SetUp() override {
    test::write_token_folder(root, 6, 2);
    table.extend(root / "modalities.yaml");
    for (const char* name : {"rgb@64", "tok_depth@64", "caption", "det"}) all.push_back(table.at(name));
    text.emplace(WordPiece::load(root / "text.json"));
  }

  TokenSet open(const TokenSetOptions& options = {}) const { return {root.string(), all, *text, options}; }
  // What one modality gives, over many draws: crop number of tok_depth@64 and text.
  std::set<std::pair<int64_t, std::string>> pairs(const std::string& name, const TokenSetOptions& options = {}) const {
    const TokenSet set = open(options);
    std::set<std::pair<int64_t, std::string>> seen;
    for (uint64_t n = 0; n < 60; ++n) {
      const TokenSample s = set.sample(0, Random(5, {n}));
      const ModalityData& data = s.at(name);
      seen.emplace(s.at("tok_depth@64").ids[0],
                   data.width ? std::to_string(data.values[0]) : text->decode(data.ids, false));
    }
    return seen;
  }
  std::string failure(int64_t sample) const {
    try {
      open().sample(sample, Random(0));
    } catch (const Error& error) {
      return error.what();
    }
    return "read";
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
  ModalityTable table;
  std::vector<Modality> all;
  std::optional<WordPiece> text;
};

TEST_F(TokenSets, SeveralThreadsReadWhatOneReads) {
  const TokenSet one = open(), shared = open();
  constexpr int64_t kDraws = 120;
  std::vector<TokenSample> found(kDraws);
  const auto draw = [](const TokenSet& set, int64_t i) {
    return set.sample(i % set.size(), Random(3, {static_cast<uint64_t>(i)}));
  };
  parallel_for(
      kDraws, [&](int64_t i) { found[static_cast<size_t>(i)] = draw(shared, i); }, 4);
  for (int64_t i = 0; i < kDraws; ++i) {
    const TokenSample wanted = draw(one, i);
    ASSERT_EQ(found[static_cast<size_t>(i)].size(), wanted.size());
    for (const auto& [name, data] : wanted) {
      EXPECT_EQ(found[static_cast<size_t>(i)].at(name).ids, data.ids) << name;
      EXPECT_EQ(found[static_cast<size_t>(i)].at(name).values, data.values) << name;
    }
  }
}

TEST_F(TokenSets, GiveAlignedCropsAndAnyText) {
  write_json(root / "caption/room3.json", {"a room with a table", "a table", "a room"});  // no pairs: two crops
  const TokenSet set = open();
  ASSERT_EQ(set.size(), 6);
  EXPECT_EQ(set.name(3), "room3");
  std::set<int64_t> crops;
  std::set<std::string> captions;
  for (uint64_t n = 0; n < 40; ++n) {
    const TokenSample s = set.sample(3, Random(1, {n}));
    const int64_t crop = s.at("tok_depth@64").ids[0] - 21;
    crops.insert(crop);
    EXPECT_EQ(s.at("tok_depth@64").ids[15], (21 + 15 + crop) % 32);
    const ModalityData& rgb = s.at("rgb@64");
    ASSERT_EQ(rgb.length(), 16);
    ASSERT_EQ(rgb.width, 16 * 16 * 3);
    EXPECT_FLOAT_EQ(rgb.values[1], ((180 + 1 + static_cast<float>(crop)) / 255 - 0.456f) / 0.224f) << "the same crop";
    captions.insert(text->decode(s.at("caption").ids, false));
    EXPECT_EQ(text->decode(s.at("det").ids, false), "v0=9 v1=8 v2=16 v3=23 table [EOS]");  // 0.3 x 31 = 9.3
  }
  EXPECT_EQ(crops, (std::set<int64_t>{0, 1}));
  EXPECT_EQ(captions, (std::set<std::string>{"a room [EOS]", "a room with a table [EOS]", "a table [EOS]"}));
}

TEST_F(TokenSets, CaptionsBelongToCropsWhereTheirNumbersAgree) {
  using Pairs = std::set<std::pair<int64_t, std::string>>;
  const std::string first = "a room with a bed [EOS]", second = "a bed [EOS]";
  EXPECT_EQ(pairs("caption"), (Pairs{{0, first}, {1, second}}));
  EXPECT_EQ(pairs("caption", {.aligned_captions = false}).size(), 4u);
  write_json(root / "caption/room0.json", {"a bed"});
  EXPECT_EQ(pairs("caption"), (Pairs{{0, second}, {1, second}}));
  // The numbers do not agree: said once for the set.
  write_json(root / "caption/room0.json", {"a bed", "a room", "a lamp"});
  const test::CapturedLog captured;
  EXPECT_EQ(pairs("caption").size(), 6u);
  const std::string said = captured.text();
  EXPECT_NE(said.find("caption/room0.json: holds 3 variants of caption for 2 crops"), std::string::npos) << said;
  EXPECT_EQ(said.find("holds"), said.rfind("holds")) << said;
}

// Positions in pixels of a crop fit that crop only.
TEST_F(TokenSets, TextsOfCropsBelongToTheirCropOrAreLeftOut) {
  table.extend("modalities:\n  sam_instance: {kind: sequence, vocab_size: 400, max_tokens: 16}\n", "the test");
  all.push_back(table.at("sam_instance"));
  make_folder(root / "sam_instance");
  using Pairs = std::set<std::pair<int64_t, std::string>>;
  write_json(root / "sam_instance/room0.json", {"a bed", "a table"});
  for (const bool aligned : {true, false})
    EXPECT_EQ(pairs("sam_instance", {.aligned_captions = aligned}), (Pairs{{0, "a bed [EOS]"}, {1, "a table [EOS]"}}));
  for (const Json& texts : {Json{"a bed"}, Json{"a bed", "a table", "a room"}}) {
    write_json(root / "sam_instance/room0.json", texts);
    const test::CapturedLog captured;
    const TokenSet set = open();
    for (uint64_t n = 0; n < 8; ++n) EXPECT_FALSE(set.sample(0, Random(5, {n})).contains("sam_instance"));
    const std::string said = captured.text();
    EXPECT_NE(said.find("sam_instance/room0.json: holds " + counted(static_cast<int64_t>(texts.size()), "text") +
                        " for 2 crops"),
              std::string::npos)
        << said;
    EXPECT_EQ(said.find("for 2 crops"), said.rfind("for 2 crops")) << said;
  }
}

TEST_F(TokenSets, CaptionsOfAMirroredCropStayAsTheyAreWherePaired) {
  WordPieceTrainer trainer({.vocabulary_size = 400, .sentinels = 20, .coordinates = 32, .classes = {}});
  trainer.add("a bed a lamp left right");
  text.emplace(WordPiece::from_json(trainer.tokenizer_json(), "the test"));
  ASSERT_EQ(text->decode(text->encode("a lamp right"), false), "a lamp right");
  write_npy(root / "crop_settings/room0.npy", npy_from_integers({0, 0, 64, 64, 0, 0, 0, 64, 64, 1}, {2, 5}, "i4"));
  write_json(root / "caption/room0.json", {"a bed left", "a lamp left"});
  const std::set<std::pair<int64_t, std::string>> seen = pairs("caption");
  EXPECT_TRUE(seen.contains({1, "a lamp left [EOS]"}));
  write_json(root / "caption/room0.json", {"a lamp left"});
  EXPECT_TRUE(pairs("caption").contains({1, "a lamp right [EOS]"}));
}

// Ids of a sequence stand above the special tokens; the message says which vocabulary has room for them.
TEST_F(TokenSets, IdsThatDoNotFitNameTheVocabularyThatDoes) {
  table.extend("modalities: {sound: {kind: sequence, vocab_size: 64, max_tokens: 8}}", "test");
  all.push_back(table.at("sound"));
  write_npy(root / "sound/room0.npy", npy_from_integers({1, 2, 60}, {3}, "i2"));
  const int64_t first = first_free_id(*text);
  EXPECT_NE(failure(0).find(concat("set vocab_size to ", first, " + the number of ids, here at least ", first + 64)),
            std::string::npos)
      << failure(0);
}

// What one modality draws does not change what another gives.
TEST_F(TokenSets, EachModalityHasRandomNumbersOfItsOwn) {
  table.extend("modalities: {notes: {kind: sequence, vocab_size: 400, max_tokens: 16}}", "test");
  const Modality notes = table.at("notes");
  for (int i = 0; i < 6; ++i) {
    const std::string file = "room" + std::to_string(i) + ".json";
    write_json(root / "notes" / file, {"a bed", "a lamp", "a chair", "a table", "a room"});
    write_json(root / "caption" / file, {"a bed", "a lamp", "a chair"});
  }
  const std::vector<Modality> both{table.at("caption"), notes};
  const TokenSet alone(root.string(), {notes}, *text), together(root.string(), both, *text);
  for (uint64_t n = 0; n < 30; ++n)
    EXPECT_EQ(alone.sample(1, Random(n)).at("notes").ids, together.sample(1, Random(n)).at("notes").ids);
}

TEST_F(TokenSets, TheFirstCropCanBeChosen) {
  const TokenSet set = open({.random_crop = false});
  for (uint64_t n = 0; n < 20; ++n) {
    const TokenSample s = set.sample(2, Random(n));
    EXPECT_EQ(s.at("tok_depth@64").ids[0], 14);
    EXPECT_EQ(text->decode(s.at("caption").ids, false), "a room with a lamp [EOS]") << "paired with the crop";
  }
}

// In a mirrored crop, texts of the whole image are mirrored even where they are paired with crops: the copies of a set of
// `fourm tokenize`, and its shards named by a pattern, give the same texts as the set.
TEST_F(TokenSets, TextsOfTheWholeImageAreKnownInEveryLayout) {
  WordPieceTrainer trainer({.vocabulary_size = 400, .sentinels = 20, .coordinates = 32, .classes = {}});
  trainer.add("a bed a lamp left right");
  text.emplace(WordPiece::from_json(trainer.tokenizer_json(), "the test"));
  const fs::path written = root.string() + "_written", folders = root / "folders", shards = root / "shards";
  convert_to_shards(root.string(), written, 4);
  for (const auto& entry : fs::directory_iterator(root / "caption"))
    write_json(entry.path(), {"a bed left", "a lamp left"});
  for (const auto& entry : fs::directory_iterator(root / "caption"))
    write_npy(root / "crop_settings" / (entry.path().stem().string() + ".npy"),
              npy_from_integers({0, 0, 64, 64, 0, 0, 0, 64, 64, 1}, {2, 5}, "i4"));
  fs::remove_all(written);
  convert_to_shards(root.string(), written, 4);
  const auto second_text = [&](const std::string& path) {
    const TokenSet set(path, all, *text);
    for (uint64_t n = 0;; ++n)
      if (const TokenSample s = set.sample(0, Random(n)); s.at("tok_depth@64").ids[0] == 1)
        return text->decode(s.at("caption").ids, false);
  };
  EXPECT_EQ(second_text(written.string()), "a lamp left [EOS]");
  write_json(written / "made_from.json", {{"shards", 2}, {"samples", 6}});
  convert_to_folders(written.string(), folders);
  convert_to_shards(folders.string(), shards, 3);
  const std::string pattern =
      (written / "[rgb@64,tok_depth@64,caption,det,crop_settings]/shard-{00000..00001}.tar").string();
  convert_to_folders(pattern, root / "from_pattern");
  for (const std::string& path :
       {written.string(), pattern, folders.string(), shards.string(), (root / "from_pattern").string()})
    EXPECT_EQ(second_text(path), "a lamp right [EOS]") << path;
  EXPECT_EQ(read_file(shards / "dataset.yaml"), "texts: whole_image\n");
  // What `fourm tokenize` has not finished is not copied.
  fs::remove(written / "crop_settings" / "shard-00001.tar");
  EXPECT_THROW(convert_to_folders(written.string(), root / "half"), Error);
}

TEST_F(TokenSets, EmbeddingsAreReadFromFiles) {
  table.extend("modalities: {t5_caption: {kind: embeddings, width: 3, max_tokens: 4}}", "test");
  all.push_back(table.at("t5_caption"));
  const fs::path npz = root / "t5_caption/room0.npz", npy = root / "t5_caption/room1.npy";
  std::vector<float> values(2 * 4 * 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const NpyArray emb = npy_from_floats(values, {2, 4, 3}),
                 mask = npy_from_integers({1, 0, 1, 0, 1, 1, 1, 1}, {2, 4}, "u1");
  write_file(npz, encode_npz({{"emb", emb}, {"mask_valid", mask}}));
  write_npy(npy, npy_from_floats({1, 2, 3, 4, 5, 6}, {2, 3}));
  // Variant k belongs to crop k; invalid rows are left out.
  for (uint64_t n = 0; n < 20; ++n) {
    const TokenSample s = open().sample(0, Random(1, {n}));
    const ModalityData& t5 = s.at("t5_caption");
    const int64_t crop = s.at("tok_depth@64").ids[0];
    EXPECT_EQ(t5.width, 3);
    EXPECT_EQ(t5.values, crop ? std::vector<float>({12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23})
                              : std::vector<float>({0, 1, 2, 6, 7, 8}));
  }
  EXPECT_EQ(pairs("t5_caption").size(), 2u);
  Modality any = table.at("t5_caption");
  any.width = 0;
  EXPECT_EQ(TokenSet(root.string(), {any}, *text).modality("t5_caption").width, 3) << "the width of the files";
  EXPECT_EQ(pairs("t5_caption", {.aligned_captions = false}).size(), 4u);
  EXPECT_EQ(open().sample(1, Random(0)).at("t5_caption").values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  // Vectors beyond max_tokens are cut, with one warning a set.
  write_npy(npy, npy_from_floats(std::vector<float>(21, 7), {7, 3}));
  const TokenSet set = open();
  const test::CapturedLog captured;
  for (uint64_t n = 0; n < 3; ++n) EXPECT_EQ(set.sample(1, Random(n)).at("t5_caption").length(), 4);
  const std::string said = captured.text();
  EXPECT_NE(said.find("warning: " + npy.string() + ": has 7 tokens, t5_caption keeps the first 4"), std::string::npos)
      << said;
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << said;

  const auto contains = [&](int64_t sample, const std::string& part) {
    const std::string message = failure(sample);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  write_npy(npy, npy_from_floats({1, 2, 3, 4}, {1, 4}));
  contains(1, "room1.npy: expected vectors of 3 numbers, found 4");
  write_npy(npy, npy_from_floats({1, 2, std::nanf("")}, {1, 3}));
  contains(1, "not finite");
  // Rows that are not valid may hold anything, the mask may be of floats, and other arrays are not read.
  const fs::path second = root / "t5_caption/room1.npz";
  fs::remove(npy);
  write_file(second, encode_npz({{"emb", npy_from_floats({std::nanf(""), 0, 0, 1, 2, 3}, {1, 2, 3})},
                                 {"mask_valid", npy_from_floats({0, 1}, {1, 2})},
                                 {"text", npy_from_floats({std::nanf("")}, {1})}}));
  EXPECT_EQ(open().sample(1, Random(0)).at("t5_caption").values, (std::vector<float>{1, 2, 3}));
  fs::remove(second);
  write_npy(npy, npy_from_integers({1, 2, 3}, {1, 3}));
  contains(1, "should be floats");
  write_file(npz, encode_npz({{"embedding", emb}}));
  contains(0, "has no array 'emb'");
  write_file(npz,
             encode_npz({{"emb", emb}, {"mask_valid", npy_from_integers({0, 0, 0, 0, 1, 1, 1, 1}, {2, 4}, "u1")}}));
  contains(0, "marks no vector of variant 0 as valid");
}

TEST_F(TokenSets, PatchesAreRowMajor) {
  std::vector<uint8_t> pixels(4 * 4 * 3);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i);
  const ModalityData data = pixel_patches(pixels.data(), 4, 2);
  ASSERT_EQ(data.length(), 4);
  ASSERT_EQ(data.width, 12);
  const auto value = [](int64_t y, int64_t x) { return (static_cast<float>((y * 4 + x) * 3) / 255 - 0.485f) / 0.229f; };
  EXPECT_FLOAT_EQ(data.values[0], value(0, 0));
  EXPECT_FLOAT_EQ(data.values[3], value(0, 1));
  EXPECT_FLOAT_EQ(data.values[6], value(1, 0));
  EXPECT_FLOAT_EQ(data.values[12], value(0, 2));
  EXPECT_FLOAT_EQ(data.values[24], value(2, 0));
}

TEST_F(TokenSets, FaultsAreNamed) {
  const auto contains = [&](int64_t sample, const std::string& part) {
    const std::string message = failure(sample);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  const auto tokens = [&](const char* name, const std::vector<int64_t>& ids, const std::vector<int64_t>& shape) {
    write_npy(root / "tok_depth@64" / name, npy_from_integers(ids, shape, "i2"));
  };
  Json boxes = read_json(root / "det/room4.json");
  boxes["instances"][0]["boxes"][2] = 1.5;
  write_json(root / "det/room4.json", boxes);
  contains(4, "det/room4.json: 'boxes' holds 1.5");
  tokens("room5.npy", std::vector<int64_t>(32, 32), {2, 16});
  contains(5, "tok_depth@64/room5.npy: holds the token 32, expected 0 to 31");
  tokens("room3.npy", std::vector<int64_t>(48), {3, 16});
  contains(3, "tok_depth@64/room3.npy: has 3 crops, other files of the sample have 2");
  tokens("room2.npy", std::vector<int64_t>(30), {2, 15});
  contains(2, "room2.npy: has 15 tokens per crop, expected 16");
  write_npy(root / "rgb@64/room1.npy", npy_from_integers({}, {0, 64, 64, 3}, "u1"));
  fs::remove(root / "tok_depth@64/room1.npy");
  contains(1, "rgb@64/room1.npy: expected bytes [crops, 64, 64, 3]");
  contains(0, "read");
}

}  // namespace
}  // namespace fourm
