#include "fourm/data/token_set.h"

#include <gtest/gtest.h>

#include <set>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

class TokenSets : public testing::Test {
 protected:
  void SetUp() override {
    root = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root);
    test::write_token_folder(root, 6, 2);
    table.extend(root / "modalities.yaml");
    for (const char* name : {"rgb@64", "tok_depth@64", "caption", "det"}) all.push_back(table.at(name));
    text.emplace(WordPiece::load(root / "text.json"));
  }
  void TearDown() override { fs::remove_all(root); }

  TokenSet open() const { return {root.string(), all, *text}; }
  std::string failure(int64_t sample) const {
    try {
      open().sample(sample, Random(0));
    } catch (const Error& error) {
      return error.what();
    }
    return "read";
  }

  fs::path root;
  ModalityTable table;
  std::vector<Modality> all;
  std::optional<WordPiece> text;
};

TEST_F(TokenSets, GiveAlignedCropsAndAnyText) {
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
  EXPECT_EQ(captions, (std::set<std::string>{"a room with a table [EOS]", "a table [EOS]"}));
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
  contains(5, "tok_depth@64/room5.npy: holds the token 32, the vocabulary ends at 31");
  tokens("room3.npy", std::vector<int64_t>(48), {3, 16});
  contains(3, "tok_depth@64/room3.npy: has 3 crops, other files of the sample have 2");
  tokens("room2.npy", std::vector<int64_t>(30), {2, 15});
  contains(2, "room2.npy: has 15 tokens a crop, expected 16");
  write_npy(root / "rgb@64/room1.npy", npy_from_integers({}, {0, 64, 64, 3}, "u1"));
  fs::remove(root / "tok_depth@64/room1.npy");
  contains(1, "rgb@64/room1.npy: expected bytes [crops, 64, 64, 3]");
  contains(0, "read");
}

}  // namespace
}  // namespace fourm
