#include "fourm/train/pretokenize.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/data/check.h"
#include "fourm/data/convert.h"
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
      Image rgb(48, 40, 3);
      Raster<uint16_t> depth(48, 40, 1);
      Raster<uint8_t> labels(48, 40, 1);
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
  PretokenizeOptions options(const std::string& out = "tokens") const {
    return {.data = (root / "data").string(), .tokenizers = root / "tokenizers", .out = root / out, .shard_size = 2};
  }
  // Every file below a folder, by its path.
  std::map<std::string, std::string> files(const std::string& out) const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root / out))
      if (entry.is_regular_file()) found[fs::relative(entry.path(), root / out).string()] = read_file(entry.path());
    return found;
  }
  TokenSet open(const std::string& out) {
    text.emplace(WordPiece::load(root / "toy/text.json"));
    ModalityTable table;
    table.extend(root / out / "modalities.yaml");
    table.extend(R"(modalities:
  caption: {kind: sequence, vocab_size: 400, max_tokens: 16}
  det: {kind: sequence, vocab_size: 400, max_tokens: 16}
)",
                 "the test");
    std::vector<Modality> all;
    for (const auto& name : table.names()) all.push_back(table.at(name));
    return {(root / out).string(), all, *text};
  }
  std::string failure(const PretokenizeOptions& o) const {
    try {
      pretokenize(o);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path root;
  std::optional<WordPiece> text;
};

TEST_F(PretokenizeTest, TokensAreThoseOfTheTokenizerForEachCrop) {
  PretokenizeOptions o = options();
  o.crops = 3;
  pretokenize(o);
  const auto set = open("tokens");
  ASSERT_EQ(set.size(), 5);
  EXPECT_EQ(set.name(3), "room3");
  EXPECT_EQ(set.shards(), (std::vector<int64_t>{0, 2, 4}));

  const Source source = Source::open((root / "tokens").string());
  const auto views = decode_crop_settings(source.read(3, "crop_settings"), "crops");
  ASSERT_EQ(views.size(), 3u);
  EXPECT_EQ(views[0].left, 4);
  EXPECT_EQ(views[0].crop_width, 40);
  for (const char* modality : {"tok_rgb@32", "tok_depth@32", "tok_semseg@32"}) {
    const auto tokenizer = PictureTokenizer::open(root / "tokenizers" / modality);
    const fs::path file = root / "data" / tokenizer.input().kind / "room3.png";
    const StoredPicture picture = read_picture(tokenizer.input(), file);
    const TokenArray tokens(source.read(3, modality), modality);
    ASSERT_EQ(tokens.crops(), 3);
    std::vector<StoredPicture> squares;
    for (const auto& view : views) squares.push_back(cut_square(tokenizer.input(), picture, to_cut(view), 32));
    const auto expected = tokenizer.encode(squares);
    for (int64_t c = 0; c < 3; ++c) EXPECT_EQ(tokens.ids(c, 16), expected[c].tokens) << modality << " " << c;
    EXPECT_EQ(squares[0], centre_square(tokenizer.input(), picture, 32));
  }
  const TokenSample sample = set.sample(3, Random(1));
  EXPECT_EQ(sample.at("rgb@32").length(), 16);
  EXPECT_EQ(sample.at("det").ids.size(), 1u) << "no boxes: only [EOS]";
  EXPECT_TRUE(check_data((root / "tokens").string(), {}).faults.empty());
}

TEST_F(PretokenizeTest, ARestartAndTwoWorkersGiveTheSameBytes) {
  PretokenizeOptions o = options();
  o.crops = 2;
  pretokenize(o);
  const auto whole = files("tokens");
  EXPECT_EQ(whole.size(), 7u * 3 + 2);  // seven kinds of shard, modalities.yaml, made_from.json

  PretokenizeOptions half = options("half");
  half.crops = half.workers = 2;
  half.worker = 1;
  pretokenize(half);
  EXPECT_THROW(open("half"), Error) << "one worker's part is not a whole set";
  half.worker = 0;
  pretokenize(half);
  EXPECT_EQ(files("half"), whole);

  // What a kill leaves: a shard without its last files, and half a file beside them.
  fs::remove(root / "half/crop_settings/shard-00001.tar");
  fs::remove(root / "half/det/shard-00001.tar");
  write_file(root / "half/tok_rgb@32/.shard-00001.tar.tmp123-0", "half");
  EXPECT_THROW(open("half"), Error);
  pretokenize(half);
  half.worker = 1;
  pretokenize(half);
  EXPECT_EQ(files("half"), whole);
}

TEST_F(PretokenizeTest, ShardsAndFoldersGiveTheSameTokens) {
  pretokenize(options());
  convert_to_shards((root / "data").string(), root / "data_shards", 3);
  PretokenizeOptions o = options("from_shards");
  o.data = (root / "data_shards").string();
  pretokenize(o);
  EXPECT_EQ(files("from_shards"), files("tokens"));
}

// The unit of depth is the data set's, and labels may be none.
TEST_F(PretokenizeTest, StatedUnitsAndUnknownPixels) {
  Raster<float> wall(48, 40, 1, 3);
  for (int i = 0; i < 5; ++i) {
    const std::string name = "room" + std::to_string(i);
    write_file(root / "data/depth" / (name + ".png"), encode_depth_png(wall));
    write_file(root / "data/semseg" / (name + ".png"), encode_label_png(Image(48, 40, 1, 2), label_palette()));
  }
  pretokenize(options());
  Image labels(48, 40, 1, 2);
  std::vector<int64_t> centimetres(48 * 40, 300);
  for (size_t i = 0; i < centimetres.size(); i += 3) centimetres[i] = 0, labels.pixels[i] = 255;
  for (int i = 0; i < 5; ++i) {
    const std::string name = "room" + std::to_string(i);
    fs::remove(root / "data/depth" / (name + ".png"));
    write_npy(root / "data/depth" / (name + ".npy"), npy_from_integers(centimetres, {40, 48}, "u2"));
    write_file(root / "data/semseg" / (name + ".png"), encode_label_png(labels, label_palette()));
  }
  EXPECT_NE(failure(options("no_unit")).find("unit is not known"), std::string::npos) << failure(options("no_unit"));
  write_file(root / "data/dataset.yaml", "depth: {unit: cm}\n");
  EXPECT_TRUE(check_data((root / "data").string(), {}).faults.empty());
  pretokenize(options("stated"));
  for (const char* modality : {"tok_depth@32", "tok_semseg@32"})
    EXPECT_EQ(read_file(root / "stated" / modality / "shard-00000.tar"),
              read_file(root / "tokens" / modality / "shard-00000.tar"))
        << modality;
}

TEST_F(PretokenizeTest, KeepsWhatIsThereAndRefusesOtherSettings) {
  pretokenize(options());
  const auto time = fs::last_write_time(root / "tokens/tok_depth@32/shard-00000.tar");
  pretokenize(options());
  EXPECT_EQ(fs::last_write_time(root / "tokens/tok_depth@32/shard-00000.tar"), time);
  PretokenizeOptions more = options();
  more.crops = 2;
  EXPECT_NE(failure(more).find("another 'crops'"), std::string::npos) << failure(more);
  Tokenizer::create(small("rgb", 3, {}), 9).save(root / "tokenizers/tok_rgb@32");
  EXPECT_NE(failure(options()).find("another 'tokenizers'"), std::string::npos) << failure(options());
}

TEST_F(PretokenizeTest, SamplesMayLackModalitiesAndBrokenFilesAreNamed) {
  fs::remove(root / "data/semseg/room2.png");
  pretokenize(options());
  EXPECT_FALSE(open("tokens").sample(2, Random(1)).contains("tok_semseg@32"));
  write_file(root / "data/semseg/room2.png", "not a picture");
  EXPECT_NE(failure(options("again")).find("room2.png"), std::string::npos);
  write_png16(root / "data/depth/room1.png", Raster<uint16_t>(32, 32, 1));
  fs::remove(root / "data/semseg/room2.png");
  EXPECT_NE(failure(options("sizes")).find("room1.png"), std::string::npos);
  fs::remove_all(root / "tokenizers");
  EXPECT_NE(failure(options("none")), "");
}

TEST_F(PretokenizeTest, FeatureMapsAreTakenWhole) {
  TokenizerConfig config = small("features", 6, {});
  config.input->features = 6;
  config.patch_proj = false;
  Tokenizer::create(config, 4).save(root / "tokenizers/tok_clip@32");
  Random random(2);
  std::vector<StoredPicture> maps;
  for (int i = 0; i < 5; ++i) {
    Raster<float> map(4, 4, 6);
    for (auto& v : map.pixels) v = static_cast<float>(random.normal());
    maps.emplace_back(map);
    write_file(root / "data/clip" / ("room" + std::to_string(i) + ".npy"), encode_picture(*config.input, map));
  }
  pretokenize(options());
  const auto expected = PictureTokenizer::open(root / "tokenizers/tok_clip@32").encode(maps);
  const Source tokens = Source::open((root / "tokens").string());
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_EQ(npy_integers(decode_npy(tokens.read(i, "tok_clip@32"), "tokens"), "tokens"), expected[i].tokens);
  EXPECT_TRUE(tokens.has("tok_depth@32"));

  PretokenizeOptions cut = options("cut");
  cut.crops = 2;
  cut.seed = 1;
  try {
    pretokenize(cut);
    FAIL() << "a map was cut";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("clip/room"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace fourm
