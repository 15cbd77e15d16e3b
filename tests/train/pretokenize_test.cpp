#include "fourm/train/pretokenize.h"

#include <gtest/gtest.h>

#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/data/check.h"
#include "fourm/data/convert.h"
#include "fourm/data/token_set.h"
#include "fourm/io/npz.h"
#include "fourm/io/tar.h"
#include "fourm/tokenizer/image_tokenizer.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/captured_log.h"
#include "tests/support/small_tokenizers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

TokenizerConfig small(const std::string& kind, int64_t channels, std::optional<int64_t> labels) {
  TokenizerConfig c = test::small_image_tokenizer();
  c.input.emplace().kind = kind;
  c.n_channels = channels;
  c.n_labels = labels;
  c.latent_dim = 4;
  return c;
}

class PretokenizeTest : public testing::Test {
 protected:
  void SetUp() override {
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

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
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
    const auto tokenizer = ImageTokenizer::open(root / "tokenizers" / modality);
    const fs::path file = root / "data" / tokenizer.input().kind / "room3.png";
    const StoredImage image = read_stored_image(tokenizer.input(), file);
    const TokenArray tokens(source.read(3, modality), modality);
    ASSERT_EQ(tokens.crops(), 3);
    std::vector<StoredImage> squares;
    for (const auto& view : views) squares.push_back(cut_square(tokenizer.input(), image, to_cut(view), 32));
    const auto expected = tokenizer.encode(squares);
    for (int64_t c = 0; c < 3; ++c) EXPECT_EQ(tokens.ids(c, 16), expected[c].tokens) << modality << " " << c;
    EXPECT_EQ(squares[0], centre_square(tokenizer.input(), image, 32));
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
  EXPECT_EQ(whole.size(), 8u * 3 + 2);  // seven kinds of shard and a record, modalities.yaml, made_from.json

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
  const auto without_records = [&](const std::string& out) {
    auto found = files(out);  // the records have times of the source
    std::erase_if(found, [](const auto& file) { return file.first.starts_with(".shards/"); });
    return found;
  };
  EXPECT_EQ(without_records("from_shards"), without_records("tokens"));
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

// Folders with units of their own, joined by a pattern: a changed unit of any of them makes other tokens.
TEST_F(PretokenizeTest, TheUnitsOfAllDepthFilesAreRecorded) {
  const auto write = [&](const char* archive, int64_t stored) {
    write_tar(root / archive, [&](TarWriter& tar) {
      for (int i = 0; i < 2; ++i)
        tar.add(concat(archive[0], i, ".npy"),
                encode_npy(npy_from_integers(std::vector<int64_t>(48 * 40, stored), {40, 48}, "u2")));
    });
  };
  write("a/depth/0.tar", 300);
  write("b/depth/1.tar", 3);
  const auto with = [&](const std::string& out) {
    PretokenizeOptions o = options(out);
    o.data = (root / "{a/depth/0,b/depth/1}.tar").string();
    return o;
  };
  const fs::path b = root / "b/dataset.yaml";
  write_file(root / "a/dataset.yaml", "depth: {unit: cm}\n");
  EXPECT_NE(failure(with("one")).find("unit is not known"), std::string::npos) << failure(with("one"));
  write_file(b, "depth: {unit: m}\n");
  pretokenize(with("tokens"));
  const Source tokens = Source::open((root / "tokens").string());
  for (int64_t i = 1; i < 4; ++i) EXPECT_EQ(tokens.read(i, "tok_depth@32"), tokens.read(0, "tok_depth@32")) << i;
  write_file(b, "depth: {unit: cm}\n");
  EXPECT_NE(failure(with("tokens")).find("another 'depth_unit'"), std::string::npos) << failure(with("tokens"));
  write_file(b, "depth: {unit: m}\n");
  EXPECT_EQ(failure(with("tokens")), "");
}

TEST_F(PretokenizeTest, AnAddedOrRemovedUnitIsAnotherSetting) {
  pretokenize(options());
  const fs::path description = root / "data/dataset.yaml";
  write_file(description, "depth: {unit: cm}\n");
  EXPECT_NE(failure(options()).find("another 'depth_unit'"), std::string::npos) << failure(options());
  pretokenize(options("stated"));
  fs::remove(description);
  EXPECT_NE(failure(options("stated")).find("another 'depth_unit'"), std::string::npos) << failure(options("stated"));
}

// Tokens of a map without any known pixel would say nothing: the sample goes without, and a warning counts them.
TEST_F(PretokenizeTest, MapsWithoutKnownPixelsGetNoTokens) {
  for (const char* name : {"room1", "room3"})
    write_png16(root / "data/depth" / (std::string(name) + ".png"), Raster<uint16_t>(48, 40, 1, 0));
  Raster<uint8_t> none(48, 40, 1, 255);
  write_label_png(root / "data/semseg/room0.png", none, std::vector<Colour>(256));
  const test::CapturedLog captured;
  pretokenize(options());
  const std::string said = captured.warnings();
  const std::string data = (root / "data").string(), out = (root / "tokens").string();
  EXPECT_NE(said.find("warning: " + out +
                      ": 2 samples of the shards made now have no tok_depth@32, since a crop has no "
                      "known pixel (" +
                      data + "/depth/room1.png, ...)\n"),
            std::string::npos)
      << said;
  EXPECT_NE(said.find("1 sample of the shards made now has no tok_semseg@32"), std::string::npos) << said;
  const TokenSet set = open("tokens");
  EXPECT_FALSE(set.sample(1, Random(0)).contains("tok_depth@32"));
  EXPECT_TRUE(set.sample(1, Random(0)).contains("tok_rgb@32"));
  EXPECT_TRUE(set.sample(2, Random(0)).contains("tok_depth@32"));
  EXPECT_FALSE(set.sample(0, Random(0)).contains("tok_semseg@32"));
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
  write_file(root / "data/semseg/room2.png", "not an image");
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
  std::vector<StoredImage> maps;
  for (int i = 0; i < 5; ++i) {
    Raster<float> map(4, 4, 6);
    for (auto& v : map.pixels) v = static_cast<float>(random.normal());
    maps.emplace_back(map);
    write_file(root / "data/clip" / ("room" + std::to_string(i) + ".npy"), encode_stored_image(*config.input, map));
  }
  pretokenize(options());
  const auto expected = ImageTokenizer::open(root / "tokenizers/tok_clip@32").encode(maps);
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

// An image-text model makes features of every crop; those of the middle are those that `data label` writes.
TEST_F(PretokenizeTest, FeaturesAreMadeOfCropsOfImages) {
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/clip";
  TokenizerConfig config = small("features", 32, {});
  config.input->features = 32;
  config.patch_proj = false;
  config.patch_size = 16;
  Tokenizer::create(config, 4).save(root / "tokenizers/tok_clip@32");
  PretokenizeOptions made = options("made");
  made.clip = model;
  made.crops = 2;
  pretokenize(made);
  EXPECT_EQ(label_features(root / "data", ImageText::open(model), 32), 5);
  EXPECT_EQ(label_features(root / "data", ImageText::open(model), 32), 0) << "files that are there stay";
  pretokenize(options("read"));
  const auto tokens = [&](const char* set, int64_t i) {
    const Source source = Source::open((root / set).string());
    return npy_integers(decode_npy(source.read(i, "tok_clip@32"), "tokens"), "tokens");
  };
  bool differ = false;
  for (int64_t i = 0; i < 5; ++i) {
    const auto crops = tokens("made", i), middle = tokens("read", i);
    ASSERT_EQ(crops.size(), 8u);
    EXPECT_EQ(std::vector<int64_t>(crops.begin(), crops.begin() + 4), middle);
    differ = differ || !std::equal(middle.begin(), middle.end(), crops.begin() + 4);
  }
  EXPECT_TRUE(differ) << "the second crop has tokens of its own";

  config.n_channels = config.input->features = 6;
  Tokenizer::create(config, 4).save(root / "tokenizers/tok_clip@32");
  EXPECT_NE(failure(made).find("tok_clip@32: the tokenizer reads 6 numbers for each 16 pixels"), std::string::npos)
      << failure(made);
}

// Features alone: crops are those of the set, else of the size that boxes state.
TEST_F(PretokenizeTest, SamplesOfFeaturesAloneAreRead) {
  TokenizerConfig config = small("features", 6, {});
  config.input->features = 6;
  config.patch_proj = false;
  Tokenizer::create(config, 4).save(root / "tokenizers/tok_clip@32");
  for (int i = 0; i < 5; ++i)
    write_file(root / "data/clip" / ("room" + std::to_string(i) + ".npy"),
               encode_stored_image(*config.input, Raster<float>(4, 4, 6, 1)));
  for (const char* folder : {"rgb", "depth", "semseg"}) fs::remove(root / "data" / folder / "room3.png");
  const Json boxes{{"instances", Json::array()}, {"height", 480}, {"width", 640}};
  write_json(root / "data/det/room3.json", boxes);
  pretokenize(options());
  const auto views = [&](const Source& source) {
    return decode_crop_settings(source.read(3, "crop_settings"), "crops").at(0);
  };
  const Source tokens = Source::open((root / "tokens").string());
  EXPECT_TRUE(tokens.has(3, "tok_clip@32"));
  EXPECT_FALSE(tokens.has(3, "rgb@32"));
  EXPECT_EQ(parse_json(tokens.read(3, "det"), "det"), boxes);
  EXPECT_EQ(views(tokens).left, 80);
  EXPECT_EQ(views(tokens).crop_width, 480);
  // The size of row 0 of crop settings may be one pixel off, a stated one is not.
  for (int i = 0; i < 5; ++i)
    write_npy(root / "data/crop_settings" / ("room" + std::to_string(i) + ".npy"),
              i == 3 ? npy_from_integers({0, 80, 480, 480, 0}, {1, 5}, "i4")
                     : npy_from_integers({0, 4, 40, 40, 0}, {1, 5}, "i4"));
  write_json(root / "data/det/room3.json", {{"instances", Json::array()}, {"height", 480}, {"width", 641}});
  pretokenize(options("own"));
  const Source own = Source::open((root / "own").string());
  EXPECT_EQ(views(own).crop_width, 480);
  EXPECT_EQ(parse_json(own.read(3, "det"), "det")["width"], 641);
  EXPECT_EQ(parse_json(own.read(2, "det"), "det")["width"], 48) << "of the image file";
}

TEST_F(PretokenizeTest, TokensThatAreMadeReplaceThoseOfTheSet) {
  for (int i = 0; i < 5; ++i)
    write_npy(root / "data/tok_rgb@32" / ("room" + std::to_string(i) + ".npy"),
              npy_from_integers(std::vector<int64_t>(16, 0), {1, 16}, "i2"));
  const test::CapturedLog captured;
  pretokenize(options());
  EXPECT_NE(captured.warnings().find("tok_rgb@32 of"), std::string::npos) << captured.warnings();
  const Source tokens = Source::open((root / "tokens").string());
  const Image rgb = read_image(root / "data/rgb/room1.png");
  const auto tokenizer = ImageTokenizer::open(root / "tokenizers/tok_rgb@32");
  EXPECT_EQ(npy_integers(decode_npy(tokens.read(1, "tok_rgb@32"), "x"), "x"),
            tokenizer.encode({centre_square({}, rgb, 32)})[0].tokens);
}

TEST_F(PretokenizeTest, TheSizeInTheNameDecides) {
  fs::rename(root / "tokenizers/tok_depth@32", root / "tokenizers/tok_depth@64");  // made for 32 pixels
  pretokenize(options());
  const auto tokenizer = ImageTokenizer::open(root / "tokenizers/tok_depth@64");
  EXPECT_EQ(tokenizer.config().image_size, 32);
  EXPECT_EQ(tokenizer.image_size(), 64);
  const auto expected = tokenizer.encode(
      {centre_square(tokenizer.input(), read_stored_image(tokenizer.input(), root / "data/depth/room3.png"), 64)});
  const Source source = Source::open((root / "tokens").string());
  const TokenArray tokens(source.read(3, "tok_depth@64"), "tokens");
  EXPECT_EQ(tokens.length(), 64);
  EXPECT_EQ(tokens.ids(0, 16), expected[0].tokens);
  ModalityTable table;
  table.extend(root / "tokens/modalities.yaml");
  EXPECT_EQ(table.at("tok_depth@64").max_tokens, 64);
  EXPECT_FALSE(table.contains("rgb@64")) << "pixels have the size of tok_rgb";
  EXPECT_TRUE(check_data((root / "tokens").string(), {}).faults.empty());

  fs::rename(root / "tokenizers/tok_depth@64", root / "tokenizers/tok_depth@60");
  EXPECT_NE(failure(options("odd")).find("tok_depth@60: 60 pixels"), std::string::npos) << failure(options("odd"));
}

TEST_F(PretokenizeTest, PixelsHaveTheSizeOfTheRgbTokenizerOrTheGivenOnes) {
  fs::rename(root / "tokenizers/tok_semseg@32", root / "tokenizers/tok_semseg@16");
  pretokenize(options());
  EXPECT_TRUE(fs::exists(root / "tokens/rgb@32"));
  EXPECT_FALSE(fs::exists(root / "tokens/rgb@16"));
  PretokenizeOptions o = options("given");
  o.pixels = {24, 40};
  pretokenize(o);
  EXPECT_TRUE(fs::exists(root / "given/rgb@24"));
  EXPECT_TRUE(fs::exists(root / "given/rgb@40"));
  EXPECT_FALSE(fs::exists(root / "given/rgb@32"));
  o.out = root / "bad";
  o.pixels = {33};
  EXPECT_NE(failure(o).find("pixels 33"), std::string::npos) << failure(o);
  fs::remove_all(root / "tokenizers/tok_rgb@32");
  pretokenize(options("without"));
  EXPECT_TRUE(fs::exists(root / "without/rgb@32"));  // the largest that is left
  EXPECT_FALSE(fs::exists(root / "without/rgb@16"));
}

TEST_F(PretokenizeTest, TextsJsonAndVectorsAreCopiedAndTheRestIsNamed) {
  fs::remove_all(root / "tokenizers/tok_semseg@32");
  for (int i = 0; i < 5; ++i) {
    const std::string name = "room" + std::to_string(i);
    write_json(root / "data/color_palette" / (name + ".json"), Json::array({{{"1", {{1, 2, 3}}}}}));
    write_file(root / "data/notes" / (name + ".txt"), "a note\n");
    write_npy(root / "data/embedding" / (name + ".npy"), npy_from_floats({1, 2, 3}, {3}));
    write_npy(root / "data/tok_own@32" / (name + ".npy"), npy_from_integers({1, 2, 1, 2}, {2, 2}, "i2"));
    write_npy(root / "data/clip" / (name + ".npy"), npy_from_floats({1, 2, 3, 4}, {1, 2, 2}));
  }
  PretokenizeOptions o = options();
  o.crops = 2;
  const test::CapturedLog captured;
  pretokenize(o);
  const std::string said = captured.warnings();
  EXPECT_NE(said.find("warning: semseg of"), std::string::npos) << said;
  EXPECT_NE(said.find("5 image files; there is no tokenizer tok_semseg@SIZE"), std::string::npos) << said;
  EXPECT_NE(said.find("warning: clip of"), std::string::npos) << said;
  EXPECT_EQ(said.find("palette"), std::string::npos) << said;
  const Source before = Source::open((root / "data").string()), after = Source::open((root / "tokens").string());
  EXPECT_EQ(after.modalities(),
            (std::vector<std::string>{"caption", "color_palette", "crop_settings", "det", "embedding", "notes",
                                      "rgb@32", "tok_depth@32", "tok_own@32", "tok_rgb@32"}));
  for (int64_t i = 0; i < 5; ++i)
    for (const char* modality : {"caption", "color_palette", "embedding", "notes", "tok_own@32"})
      EXPECT_EQ(after.read(i, modality), before.read(i, modality)) << modality;
  EXPECT_EQ(parse_json(after.read(1, "det"), "det")["width"], 48);
  o.out = root / "three";
  o.crops = 3;
  EXPECT_NE(failure(o).find("has tokens of 2 crops"), std::string::npos) << failure(o);
}

TEST_F(PretokenizeTest, EmbeddingsAreCopiedAndTokenIdsHaveTheCropsOfTheRun) {
  const NpyArray embeddings = npy_from_floats(std::vector<float>(3 * 2 * 4, 1), {3, 2, 4});
  for (int i = 0; i < 5; ++i) {
    const std::string name = "room" + std::to_string(i);
    write_npy(root / "data/t5_caption" / (name + ".npy"), embeddings);
    write_file(root / "data/own_embedding" / (name + ".npz"), encode_npz({{"emb", embeddings}}));
    write_npy(root / "data/words" / (name + ".npy"), npy_from_integers({1, 2, 3}, {3}, "i2"));
    write_npy(root / "data/ids" / (name + ".npy"), npy_from_integers({1, 2, 3, 4}, {2, 2}, "i2"));
  }
  PretokenizeOptions o = options();
  o.crops = 2;
  pretokenize(o);
  const Source before = Source::open((root / "data").string()), after = Source::open((root / "tokens").string());
  for (const char* modality : {"t5_caption", "own_embedding", "words", "ids"}) {
    ASSERT_TRUE(after.has(modality)) << modality;
    for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(after.read(i, modality), before.read(i, modality)) << modality;
  }
  o.out = root / "three";
  o.crops = 3;
  const test::CapturedLog captured;
  pretokenize(o);
  const std::string warnings = captured.warnings();
  EXPECT_NE(warnings.find("warning: ids of " + (root / "data").string() +
                          " is not carried over: its arrays are token ids of 2 crops, expected 3"),
            std::string::npos)
      << warnings;
  EXPECT_FALSE(Source::open(o.out.string()).has("ids"));
  // One file among others with the right number of crops is an error.
  write_npy(root / "data/ids/room3.npy", npy_from_integers({1, 2, 3, 4, 5, 6}, {3, 2}, "i2"));
  o = options("two");
  o.crops = 2;
  EXPECT_NE(failure(o).find("ids/room3.npy: has token ids of 3 crops, expected 2"), std::string::npos) << failure(o);
}

// Texts of crops go with the crops that they were made for: not with random ones, and the first of them with the first.
TEST_F(PretokenizeTest, TextsOfCropsGoWithTheirCrops) {
  make_folder(root / "data/sam_instance");
  for (int i = 0; i < 5; ++i)
    write_json(root / "data/sam_instance" / ("room" + std::to_string(i) + ".json"), {"a chair", "a room", "a bed"});
  PretokenizeOptions o = options("random");
  o.crops = 2;
  {
    const test::CapturedLog captured;
    pretokenize(o);
    EXPECT_NE(captured.warnings().find("warning: sam_instance of"), std::string::npos) << captured.warnings();
  }
  EXPECT_FALSE(fs::exists(root / "random/sam_instance"));
  EXPECT_TRUE(has_whole_image_texts(Source::open((root / "random").string())));

  make_folder(root / "data/crop_settings");
  for (int i = 0; i < 5; ++i)
    write_npy(root / "data/crop_settings" / ("room" + std::to_string(i) + ".npy"),
              npy_from_integers({0, 4, 40, 40, 0, 0, 0, 32, 32, 1, 8, 8, 32, 32, 0}, {3, 5}, "i4"));
  write_json(root / "data/caption/room0.json", {"a chair", "a room", "a bed"});
  const NpyArray vectors = npy_from_floats({0, 1, 2, 3, 4, 5}, {3, 1, 2});
  write_file(root / "data/t5_caption/room0.npz",
             encode_npz({{"emb", vectors}, {"mask_valid", npy_from_integers({1, 1, 1}, {3, 1}, "u1")}}));
  write_npy(root / "data/view_embedding/room0.npy", vectors);
  write_json(root / "data/blip/room0.json", {"a chair", "a room", "a bed"});
  o.out = root / "own";
  pretokenize(o);
  const Source source = Source::open((root / "own").string());
  const Json first{"a chair", "a room"};
  EXPECT_EQ(parse_json(source.read(0, "sam_instance"), "sam_instance"), first);
  EXPECT_EQ(parse_json(source.read(0, "caption"), "caption"), first);
  EXPECT_EQ(parse_json(source.read(0, "blip"), "blip"), first);
  const auto embeddings = decode_npz(source.read(0, "t5_caption"), "t5_caption");
  const NpyArray array = decode_npy(source.read(0, "view_embedding"), "view_embedding");
  EXPECT_EQ(embeddings.at("mask_valid").shape, (std::vector<int64_t>{2, 1}));
  for (const NpyArray& cut : {embeddings.at("emb"), array}) {
    EXPECT_EQ(cut.shape, (std::vector<int64_t>{2, 1, 2}));
    EXPECT_EQ(npy_floats(cut), (std::vector<float>{0, 1, 2, 3}));
  }
  EXPECT_FALSE(has_whole_image_texts(source)) << "captions of a mirrored crop describe it as it is";
}

TEST_F(PretokenizeTest, AVectorOfAWholeImageBelongsToEveryCrop) {
  TokenizerConfig config = test::small_vector_tokenizer(4);
  config.image_size = 224;
  Tokenizer::create(config, 4).save(root / "tokenizers/tok_dinov2_global");
  Random random(2);
  for (int i = 0; i < 5; ++i) {
    std::vector<float> vector(6);
    for (auto& v : vector) v = static_cast<float>(random.normal());
    write_npy(root / "data/dinov2_global" / ("room" + std::to_string(i) + ".npy"), npy_from_floats(vector, {6}));
  }
  PretokenizeOptions o = options();
  o.crops = 2;
  pretokenize(o);
  const auto tokenizer = ImageTokenizer::open(root / "tokenizers/tok_dinov2_global");
  const Source source = Source::open((root / "tokens").string());
  const TokenArray tokens(source.read(3, "tok_dinov2_global"), "tokens");
  ASSERT_EQ(tokens.crops(), 2);
  const auto expected =
      tokenizer.encode({read_stored_image(tokenizer.input(), root / "data/dinov2_global/room3.npy")})[0].tokens;
  EXPECT_EQ(tokens.ids(0, 16), expected);
  EXPECT_EQ(tokens.ids(1, 16), expected);
  ModalityTable table;
  table.extend(root / "tokens/modalities.yaml");
  EXPECT_EQ(table.at("tok_dinov2_global").max_tokens, 4);
  EXPECT_EQ(table.at("tok_dinov2_global").positions, PositionKind::kLearned);
  EXPECT_EQ(open("tokens").sample(0, Random(1)).at("tok_dinov2_global").ids.size(), 4u);
}

TEST_F(PretokenizeTest, BrokenSamplesAreLeftOutAndListed) {
  write_file(root / "data/depth/room2.png", "not an image");
  Raster<uint8_t> labels(48, 40, 1, 9);  // the tokenizer knows 0 to 4
  write_label_png(root / "data/semseg/room4.png", labels, std::vector<Colour>(10));
  EXPECT_NE(failure(options()).find("skip_broken"), std::string::npos) << failure(options());
  PretokenizeOptions o = options();
  o.skip_broken = true;
  const auto said = [&](const PretokenizeOptions& what) {
    const test::CapturedLog captured;
    pretokenize(what);
    return captured.warnings();
  };
  const std::string first = said(o);
  EXPECT_NE(first.find("left out: " + (root / "data/depth/room2.png").string()), std::string::npos) << first;
  EXPECT_NE(first.find("room4.png: holds the label 9"), std::string::npos) << first;
  EXPECT_NE(first.find("2 broken samples were left out"), std::string::npos) << first;
  EXPECT_EQ(open("tokens").size(), 3);
  EXPECT_TRUE(check_data((root / "tokens").string(), {}).faults.empty());
  const auto before = files("tokens");
  EXPECT_EQ(said(o), first) << "a later run lists them too";
  EXPECT_EQ(files("tokens"), before);
  EXPECT_NE(failure(options()).find("room2.png"), std::string::npos) << "without the option they are errors still";

  // A mended file makes its shard anew, and no other.
  write_png16(root / "data/depth/room2.png", Raster<uint16_t>(48, 40, 1, 7000));
  EXPECT_NE(said(o).find("1 broken sample was left out"), std::string::npos);
  const auto after = files("tokens");
  EXPECT_EQ(after.at("tok_rgb@32/shard-00000.tar"), before.at("tok_rgb@32/shard-00000.tar"));
  EXPECT_NE(after.at("tok_rgb@32/shard-00001.tar"), before.at("tok_rgb@32/shard-00001.tar"));
  EXPECT_EQ(open("tokens").size(), 4);
}

// A file of another size or time makes its shard anew, and no other; records of earlier versions know neither.
TEST_F(PretokenizeTest, AChangedFileRedoesItsShard) {
  pretokenize(options());
  const auto before = files("tokens");
  Raster<uint16_t> stairs(48, 40, 1, 500);
  for (int y = 0; y < 40; ++y)
    for (int x = 24; x < 48; ++x) *stairs.at(x, y) = static_cast<uint16_t>(2000 + 200 * (x / 8) + 500 * (y / 10));
  write_png16(root / "data/depth/room2.png", stairs);
  const auto said = [&] {
    const test::CapturedLog captured;
    pretokenize(options());
    return captured.text();
  };
  const std::string first = said();
  EXPECT_NE(first.find("have changed, by size or time; 1 shard is made again"), std::string::npos) << first;
  const auto after = files("tokens");
  EXPECT_EQ(after.at("tok_depth@32/shard-00000.tar"), before.at("tok_depth@32/shard-00000.tar"));
  EXPECT_NE(after.at("tok_depth@32/shard-00001.tar"), before.at("tok_depth@32/shard-00001.tar"));
  EXPECT_EQ(after.at("tok_rgb@32/shard-00001.tar"), before.at("tok_rgb@32/shard-00001.tar"));
  pretokenize(options("anew"));
  EXPECT_EQ(files("anew"), after);
  const std::string again = said();
  EXPECT_EQ(again.find("changed"), std::string::npos) << again;

  const fs::path record = root / "tokens/.shards/shard-00001.json";
  ASSERT_TRUE(fs::exists(record));
  Json earlier = read_json(record);
  ASSERT_EQ(earlier.erase("versions"), 1u);
  write_json(record, earlier);
  write_png16(root / "data/depth/room2.png", Raster<uint16_t>(48, 40, 1, 9000));
  pretokenize(options());
  EXPECT_EQ(files("tokens").at("tok_depth@32/shard-00001.tar"), after.at("tok_depth@32/shard-00001.tar"));
}

// Shards would mix with the files that they are made from.
TEST_F(PretokenizeTest, TheTokensLieApartFromTheData) {
  const auto before = files("data");
  for (const char* out : {"data", "data/", "data/../data", "data/tokens", "."})
    EXPECT_NE(failure(options(out)).find("write into another folder"), std::string::npos) << out;
  fs::create_directory_symlink(root / "data", root / "link");
  EXPECT_NE(failure(options("link")).find("is the folder of the data"), std::string::npos);
  EXPECT_EQ(files("data"), before);
  EXPECT_EQ(failure(options("data_tokens")), "") << "a name that begins with that of the data";
}

TEST_F(PretokenizeTest, AChangedListOfSamplesRedoesOnlyTheShardsThatItTouches) {
  pretokenize(options());
  const auto times = [&] {
    std::vector<fs::file_time_type> all;
    for (const char* shard : {"shard-00000.tar", "shard-00001.tar", "shard-00002.tar"})
      all.push_back(fs::last_write_time(root / "tokens/tok_depth@32" / shard));
    return all;
  };
  const auto copy_sample = [&](const std::string& from, const std::string& to) {
    for (const auto& entry : fs::directory_iterator(root / "data"))
      for (const char* ending : {".png", ".json"})
        if (fs::exists(entry.path() / (from + ending)))
          fs::copy_file(entry.path() / (from + ending), entry.path() / (to + ending));
  };
  const auto remove_sample = [&](const std::string& name) {
    for (const auto& entry : fs::directory_iterator(root / "data"))
      for (const char* ending : {".png", ".json"}) fs::remove(entry.path() / (name + ending));
  };
  const auto before = times();
  const auto bytes = files("tokens");
  copy_sample("room0", "a new first");
  remove_sample("room3");  // of the second shard
  PretokenizeOptions o = options();
  o.workers = 2;
  o.worker = 0;
  pretokenize(o);
  EXPECT_THROW(open("tokens"), Error) << "the second worker has its part to do";
  o.worker = 1;
  pretokenize(o);
  const auto after = times();
  EXPECT_EQ(after[0], before[0]);
  EXPECT_NE(after[1], before[1]);
  EXPECT_EQ(after[2], before[2]);
  const auto set = open("tokens");
  std::vector<std::string> names;
  for (int64_t i = 0; i < set.size(); ++i) names.push_back(set.name(i));
  EXPECT_EQ(names, (std::vector<std::string>{"room0", "room1", "room2", "room4", "a new first"}));
  const auto changed = files("tokens");
  pretokenize(options());
  EXPECT_EQ(files("tokens"), changed);

  // A file that a sample gained or lost touches its shard too; a shard may become empty.
  fs::remove(root / "data/semseg/room0.png");
  remove_sample("room4");
  pretokenize(options());
  EXPECT_NE(files("tokens").at("tok_semseg@32/shard-00000.tar"), bytes.at("tok_semseg@32/shard-00000.tar"));
  EXPECT_EQ(open("tokens").size(), 4);
  EXPECT_TRUE(check_data((root / "tokens").string(), {.missing_ok = true}).faults.empty());
}

}  // namespace
}  // namespace fourm
