#include "fourm/train/pretokenize.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/data/token_set.h"
#include "fourm/tokenizer/picture_tokenizer.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

TokenizerConfig small(const std::string& kind, int64_t channels, std::optional<int64_t> labels) {
  TokenizerConfig c;
  c.input.emplace().kind = kind;
  c.image_size = 32;
  c.n_channels = channels;
  c.n_labels = labels;
  c.patch_size = 8;
  c.enc_type = "tiny_enc";
  c.dec_type = "tiny_dec";
  c.codebook_size = 16;
  c.latent_dim = 4;
  c.presets["tiny_enc"] = {.kind = "vit_encoder", .dim_tokens = 16, .depth = 1, .num_heads = 2};
  c.presets["tiny_dec"] = {.kind = "vit_decoder", .dim_tokens = 16, .depth = 1, .num_heads = 2};
  return c;
}

class PretokenizeTest : public testing::Test {
 protected:
  void SetUp() override {
    set_quiet(true);
    root = fs::path(testing::TempDir()) /
           (std::string("pretokenize_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(root);
    test::write_token_folder(root / "toy", 1);  // for its text tokenizer
    Random random(1);
    for (int i = 0; i < 5; ++i) {
      const std::string name = "room" + std::to_string(i);
      Image rgb(40, 40, 3);
      Raster<uint16_t> depth(32, 32, 1);
      Raster<uint8_t> labels(32, 32, 1);
      for (auto& p : rgb.pixels) p = static_cast<uint8_t>(random.below(256));
      for (auto& p : depth.pixels) p = static_cast<uint16_t>(random.below(65536));
      for (auto& p : labels.pixels) p = static_cast<uint8_t>(random.below(5));
      for (const char* folder : {"rgb", "depth", "semseg", "caption", "det"}) make_folder(root / "data" / folder);
      write_png(root / "data/rgb" / (name + ".png"), rgb);
      write_png16(root / "data/depth" / (name + ".png"), depth);
      write_label_png(root / "data/semseg" / (name + ".png"), labels, std::vector<Colour>(5));
      write_json(root / "data/caption" / (name + ".json"), {"a chair", "a room with a chair"});
      write_json(root / "data/det" / (name + ".json"), {{"instances", Json::array()}});
    }
    Tokenizer::create(small("rgb", 3, {}), 1).save(root / "tokenizers/tok_rgb@32");
    Tokenizer::create(small("depth", 1, {}), 2).save(root / "tokenizers/tok_depth@32");
    Tokenizer::create(small("semseg", 4, 5), 3).save(root / "tokenizers/tok_semseg@32");
  }
  void TearDown() override { fs::remove_all(root); }
  PretokenizeOptions options() const { return {root / "data", root / "tokenizers", root / "tokens"}; }

  fs::path root;
};

TEST_F(PretokenizeTest, TokensAreThoseOfTheTokenizer) {
  pretokenize(options());
  ModalityTable table;
  table.extend(R"(modalities:
  rgb@32: {kind: pixels, image_size: 32, patch_size: 8}
  tok_rgb@32: {vocab_size: 16, image_size: 32, patch_size: 8}
  tok_depth@32: {vocab_size: 16, image_size: 32, patch_size: 8}
  tok_semseg@32: {vocab_size: 16, image_size: 32, patch_size: 8}
  caption: {kind: sequence, vocab_size: 400, max_tokens: 16}
  det: {kind: sequence, vocab_size: 400, max_tokens: 16}
)",
               "the test");
  std::vector<Modality> all;
  for (const auto& name : table.names()) all.push_back(table.at(name));
  const TokenSet set(root / "tokens", all, WordPiece::load(root / "toy/text.json"));
  ASSERT_EQ(set.size(), 5);
  EXPECT_EQ(set.name(3), "room3");
  const TokenSample sample = set.sample(3, Random(1));

  for (const char* modality : {"tok_rgb@32", "tok_depth@32", "tok_semseg@32"}) {
    const auto tokenizer = PictureTokenizer::open(root / "tokenizers" / modality);
    const fs::path file = root / "data" / tokenizer.input().kind / "room3.png";
    const auto picture = centre_square(tokenizer.input(), read_picture(tokenizer.input(), file), 32);
    EXPECT_EQ(sample.at(modality).ids, tokenizer.encode({picture})[0].tokens) << modality;
  }
  EXPECT_EQ(sample.at("rgb@32").length(), 16);
  EXPECT_EQ(sample.at("det").ids.size(), 1u) << "no boxes: only [EOS]";
}

TEST_F(PretokenizeTest, KeepsWhatIsThereAndRedoesWhatChanged) {
  pretokenize(options());
  const fs::path depth = root / "tokens/tok_depth@32.safetensors", rgb = root / "tokens/tok_rgb@32.safetensors";
  const auto depth_time = fs::last_write_time(depth);
  const std::string before = read_file(rgb);
  Tokenizer::create(small("rgb", 3, {}), 9).save(root / "tokenizers/tok_rgb@32");
  pretokenize(options());
  EXPECT_EQ(fs::last_write_time(depth), depth_time);
  EXPECT_NE(read_file(rgb), before);
}

TEST_F(PretokenizeTest, NamesUnpairedAndBrokenFiles) {
  const auto failure = [&]() -> std::string {
    try {
      pretokenize(options());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  fs::remove(root / "data/semseg/room2.png");
  EXPECT_NE(failure().find("1 samples are in depth but not in semseg, such as room2"), std::string::npos) << failure();
  write_file(root / "data/semseg/room2.png", "not a picture");
  EXPECT_NE(failure().find("room2.png"), std::string::npos) << failure();
  fs::remove_all(root / "tokenizers");
  EXPECT_NE(failure(), "");
}

}  // namespace
}  // namespace fourm
