#include "fourm/data/reader.h"

#include <gtest/gtest.h>

#include <set>

#include "fourm/core/error.h"
#include "fourm/core/parallel.h"
#include "fourm/data/convert.h"
#include "fourm/io/npy.h"
#include "fourm/io/tar.h"
#include "tests/support/captured_log.h"
#include "tests/support/data_folder.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

bool same(const TokenSample& a, const TokenSample& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.ids == y.second.ids && x.second.values == y.second.values;
  });
}

class ReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    test::write_token_folder(root / "folders", 10, 2);
    table.extend(root / "folders/modalities.yaml");
    for (const char* name : {"rgb@64", "tok_depth@64", "caption", "det"}) all.push_back(table.at(name));
    text.emplace(WordPiece::load(root / "folders/text.json"));
  }

  TokenReader reader(const std::map<std::string, double>& weights, uint64_t seed = 1) const {
    std::vector<ReaderSet> sets;
    for (const auto& [path, weight] : weights) sets.push_back({TokenSet(path, all, *text), weight});
    return TokenReader(std::move(sets), seed);
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
  ModalityTable table;
  std::vector<Modality> all;
  std::optional<WordPiece> text;
};

TEST_F(ReaderTest, EveryLayoutGivesTheSameSamples) {
  convert_to_shards((root / "folders").string(), root / "shards", 4);
  const Source folders = Source::open((root / "folders").string());
  for (int64_t shard = 0; shard < 2; ++shard)
    write_tar(root / "together" / shard_name(shard), [&](TarWriter& tar) {
      for (int64_t i = 5 * shard; i < 5 * (shard + 1); ++i)
        for (const auto& modality : folders.modalities())
          tar.add(folders.name(i) + "." + modality + "." + folders.extension(i, modality), folders.read(i, modality));
    });
  const TokenSet plain((root / "folders").string(), all, *text);
  for (const char* layout :
       {"shards", "shards/[rgb@64,tok_depth@64,caption,det,crop_settings]/shard-{00000..00002}.tar", "together",
        "together/shard-{00000..00001}.tar"}) {
    const TokenSet set((root / layout).string(), all, *text);
    ASSERT_EQ(set.size(), plain.size());
    for (int64_t i = 0; i < set.size(); ++i) {
      EXPECT_EQ(set.name(i), plain.name(i));
      for (uint64_t n = 0; n < 6; ++n)
        EXPECT_TRUE(same(set.sample(i, Random(n)), plain.sample(i, Random(n)))) << layout << " " << i;
    }
  }
}

TEST_F(ReaderTest, AnEpochHasEachSampleOnceAndTheNextInAnotherOrder) {
  convert_to_shards((root / "folders").string(), root / "shards", 3);
  const TokenReader r = reader({{(root / "shards").string(), 1}});
  std::vector<std::vector<int64_t>> orders;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t> order;
    for (int64_t k = 0; k < 10; ++k) {
      const auto place = r.place(10 * epoch + k);
      EXPECT_EQ(place.epoch, epoch);
      order.push_back(place.sample);
    }
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 10u);
    orders.push_back(order);
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[0], (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  for (int64_t k = 0; k < 10; ++k)  // another reader, begun in the middle
    EXPECT_EQ(reader({{(root / "shards").string(), 1}}).place(20 + k).sample, orders[2][k]);
  EXPECT_NE(reader({{(root / "shards").string(), 1}}, 2).place(0), r.place(0));
}

// The k-th sample of a set has the same crop and text, wherever the set stands on the disk and whatever sets follow it.
TEST_F(ReaderTest, DrawsOfASetGoByItsPositionAlone) {
  fs::copy(root / "folders", root / "a_moved", fs::copy_options::recursive);
  test::write_token_folder(root / "another", 3, 2);
  const auto draws = [&](const std::vector<std::string>& names) {
    std::vector<ReaderSet> sets;
    for (const auto& name : names) sets.push_back({TokenSet((root / name).string(), all, *text), 1});
    const TokenReader r(std::move(sets), 1);
    std::vector<std::shared_ptr<const TokenSample>> first;  // samples of the first set
    for (int64_t v = 0; first.size() < 40; ++v)
      if (const auto drawn = r.sample(v); drawn.set == 0) first.push_back(drawn.sample);
    return first;
  };
  const auto alone = draws({"folders"});
  for (const auto& other :
       {draws({"a_moved"}), draws({"folders", "another"}), draws({"folders", "another", "a_moved"})})
    for (size_t k = 0; k < alone.size(); ++k) EXPECT_TRUE(same(*alone[k], *other[k])) << k;
}

TEST_F(ReaderTest, MixturesKeepTheirWeights) {
  test::write_token_folder(root / "small", 3, 2);
  const TokenReader r = reader({{(root / "folders").string(), 0.8}, {(root / "small").string(), 0.2}});
  std::map<size_t, int64_t> counts;
  std::map<TokenReader::Place, int64_t> places;
  for (int64_t v = 0; v < 3000; ++v) {
    const auto place = r.place(v);
    ++counts[place.set];
    ++places[place];
  }
  EXPECT_EQ(counts[0], 2400);
  EXPECT_EQ(counts[1], 600);
  EXPECT_EQ(places.size(), 3000u) << "each set goes through its epochs without repeating or leaving out a sample";
  EXPECT_THROW(reader({{(root / "folders").string(), 0.0}}), Error);
  EXPECT_THROW(reader({{(root / "folders").string(), 1e6}, {(root / "small").string(), 1}}), Error);
}

TEST_F(ReaderTest, SamplesMayLackModalities) {
  fs::remove(root / "folders/caption/room3.json");
  fs::remove(root / "folders/rgb@64/room4.npy");
  const TokenSet set((root / "folders").string(), all, *text);
  EXPECT_EQ(set.sample(3, Random(1)).count("caption"), 0u);
  EXPECT_EQ(set.sample(4, Random(1)).size(), 3u);
  fs::remove_all(root / "folders/caption");
  const test::CapturedLog captured;
  const TokenSet without((root / "folders").string(), all, *text);
  const std::string warning = captured.text();
  EXPECT_NE(warning.find("warning: " + (root / "folders").string() + ": has no caption (it has crop_settings, det"),
            std::string::npos)
      << warning;
  EXPECT_EQ(without.modalities(), (std::vector<std::string>{"det", "rgb@64", "tok_depth@64"}));
  EXPECT_EQ(without.sample(3, Random(1)).size(), 3u);
  EXPECT_THROW(TokenSet((root / "folders").string(), {table.at("caption")}, *text), Error);
}

TEST_F(ReaderTest, SamplesWithoutAnyNeededModalityAreLeftOut) {
  for (const char* name : {"room2", "room7"}) {
    fs::remove(root / "folders/caption" / (std::string(name) + ".json"));
    fs::remove(root / "folders/det" / (std::string(name) + ".json"));
  }
  const std::string folder = (root / "folders").string();
  const auto sets = [&](const std::vector<std::string>& needed) {
    std::vector<ReaderSet> one;
    one.push_back({TokenSet(folder, all, *text), 1, 1, needed});
    return one;
  };
  const test::CapturedLog captured;
  const TokenReader r(sets({"caption", "det"}), 1);
  EXPECT_EQ(captured.text(),
            "warning: " + folder + ": 2 of 10 samples have none of caption, det and are left out ('room2', ...)\n");
  EXPECT_EQ(r.size(), 8);
  std::set<int64_t> seen;
  for (int64_t v = 0; v < 8; ++v) seen.insert(r.place(v).sample);
  EXPECT_EQ(seen, (std::set<int64_t>{0, 1, 3, 4, 5, 6, 8, 9}));
  EXPECT_EQ(TokenReader(sets({"caption", "tok_depth@64"}), 1).size(), 10);
  fs::remove_all(root / "folders/caption");
  write_file(root / "folders/caption/another.txt", "a bed");
  fs::remove_all(root / "folders/det");
  EXPECT_EQ(TokenReader(sets({"caption"}), 1).size(), 1);
}

// Each set of a mixture is repeated as often as it says, over its own buffer.
TEST_F(ReaderTest, SetsHaveTheirOwnRepeats) {
  test::write_token_folder(root / "small", 3, 2);
  const auto make = [&] {
    std::vector<ReaderSet> sets;
    sets.push_back({TokenSet((root / "folders").string(), all, *text), 1, 4});
    sets.push_back({TokenSet((root / "small").string(), all, *text), 1, 1});
    return sets;
  };
  const TokenReader r(make(), 1, 5);
  std::vector<std::map<TokenReader::Place, int64_t>> places(2);
  for (int64_t v = 0; v < 2000; ++v) ++places[r.place(v).set][r.place(v)];
  ASSERT_EQ(places[0].size(), 250u);
  ASSERT_EQ(places[1].size(), 1000u);
  for (const auto& [place, count] : places[0]) EXPECT_EQ(count, 4);
  for (const auto& [place, count] : places[1]) EXPECT_EQ(count, 1);
  // Another reader that begins in the middle gives the same samples.
  const TokenReader again(make(), 1, 5);
  for (int64_t v = 300; v < 340; ++v) {
    const auto one = r.sample(v), other = again.sample(v);
    EXPECT_EQ(one.set, other.set);
    EXPECT_TRUE(same(*one.sample, *other.sample));
  }
}

TEST_F(ReaderTest, CaptionsBoxesAndImagesFollowTheCrop) {
  test::write_token_folder(root / "set", 10, 2);
  fs::remove_all(root / "set/rgb@64");
  Image image(96, 64, 3);  // red on the left, blue on the right
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 96; ++x) image.at(x, y)[x < 48 ? 0 : 2] = 255;
  // The middle square, and the left half mirrored.
  const NpyArray crops = npy_from_integers({0, 16, 64, 64, 0, 0, 0, 64, 48, 1}, {2, 5}, "i4");
  for (int i = 0; i < 10; ++i) {
    const std::string name = test::sample_name(i);
    write_file(root / "set/rgb" / (name + ".png"), encode_png(image));
    write_file(root / "set/crop_settings" / (name + ".npy"), encode_npy(crops));
    write_file(root / "set/caption" / (name + ".txt"), "a chair on the left of a table");
    fs::remove(root / "set/caption" / (name + ".json"));
    write_file(root / "set/det" / (name + ".json"),
               R"({"instances": [{"boxes": [0, 0.25, 0.25, 1], "class_name": "bed", "score": 1}]})");
  }
  const TokenSet set((root / "set").string(), all, *text);
  std::set<int64_t> seen;
  for (uint64_t n = 0; n < 12; ++n) {
    const TokenSample s = set.sample(0, Random(n));
    const int64_t crop = s.at("tok_depth@64").ids[0];  // the helper's tokens count up with the crop
    seen.insert(crop);
    const std::string boxes = text->decode(s.at("det").ids, false);
    const auto& values = s.at("rgb@64").values;
    const bool red_left = values[0] > 1;
    if (crop == 0) {
      EXPECT_TRUE(red_left);
      EXPECT_TRUE(boxes.starts_with("v0=0 v1=8 v2=4 v3=31 bed")) << boxes;  // x: (24 - 16) / 64 of 31 steps
    } else {
      EXPECT_TRUE(red_left) << "all of the left half is red";
      EXPECT_TRUE(boxes.starts_with("v0=16 v1=8 v2=31 v3=31 bed")) << boxes;  // x: 1 - 24 / 48 to 1
    }
  }
  EXPECT_EQ(seen, (std::set<int64_t>{0, 1}));

  convert_to_shards((root / "set").string(), root / "shards", 4);  // as the original's sets stand
  const TokenSet shards(
      (root / "shards/[rgb,tok_depth@64,caption,det,crop_settings]/").string() + "shard-{00000..00002}.tar", all,
      *text);
  for (int64_t i = 0; i < 10; ++i)
    for (uint64_t n = 0; n < 4; ++n)
      EXPECT_TRUE(same(shards.sample(i, Random(n)), set.sample(i, Random(n)))) << i << ", crop of " << n;
}

TEST(CropTest, MirroredWords) {
  EXPECT_EQ(mirror_words("A lamp, left of the bed; RIGHT! Leftmost, left-hand, bright, cleft"),
            "A lamp, right of the bed; LEFT! Rightmost, right-hand, bright, cleft");
  const std::string text = "Left and right, the rightmost lamp";
  EXPECT_EQ(mirror_words(mirror_words(text)), text);
}

// torchvision's RandomResizedCrop takes the largest middle rectangle of an allowed ratio where no draw fits.
TEST(CropTest, LongStripsGiveTheLargestAllowedRectangle) {
  Random random(3);
  const CropView wide = random_view(1000, 100, {}, random), tall = random_view(100, 1001, {}, random);
  EXPECT_EQ(wide.crop_width, 133);  // 100 * 4 / 3
  EXPECT_EQ(wide.crop_height, 100);
  EXPECT_EQ(wide.left, 433);
  EXPECT_EQ(wide.top, 0);
  EXPECT_EQ(tall.crop_width, 100);
  EXPECT_EQ(tall.crop_height, 133);
  EXPECT_EQ(tall.top, 434);
}

TEST(CropTest, ViewsLieInsideAndSurviveTheirFile) {
  for (const auto& [width, height] : {std::pair{64, 48}, {31, 200}, {5, 5}, {1, 400}}) {
    const auto views = draw_views(width, height, 40, {.min_scale = 0.2}, Random(3));
    ASSERT_EQ(views.size(), 40u);
    EXPECT_FALSE(views[0].flip);
    EXPECT_EQ(views[0].crop_width, std::min(width, height));
    int flips = 0;
    for (const auto& v : views) {
      EXPECT_GE(v.left, 0);
      EXPECT_GE(v.crop_width, 1);
      EXPECT_LE(v.left + v.crop_width, width);
      EXPECT_LE(v.top + v.crop_height, height);
      flips += v.flip;
    }
    EXPECT_GT(flips, 5);
    const auto read = decode_crop_settings(encode_npy(encode_crop_settings(views)), "the test");
    for (size_t i = 0; i < views.size(); ++i) {
      EXPECT_EQ(read[i].left, views[i].left);
      EXPECT_EQ(read[i].flip, views[i].flip);
    }
    EXPECT_NEAR(read[0].width, width, 1);
    EXPECT_NEAR(read[0].height, height, 1);
  }
}

TEST_F(ReaderTest, SeveralThreadsReadWhatOneReads) {
  const std::string set = (root / "folders").string();
  const TokenReader one = reader({{set, 1}}), shared = reader({{set, 1}});
  constexpr int64_t kSamples = 60;  // six epochs
  std::vector<std::shared_ptr<const TokenSample>> found(kSamples);
  parallel_for(
      kSamples, [&](int64_t i) { found[static_cast<size_t>(i)] = shared.sample(i).sample; }, 4);
  for (int64_t i = 0; i < kSamples; ++i) EXPECT_TRUE(same(*one.sample(i).sample, *found[static_cast<size_t>(i)])) << i;
}

TEST(SourcePaths, PatternsExpand) {
  EXPECT_EQ(
      expand_pattern("a/[x,y]/{08..10}.tar"),
      (std::vector<std::string>{"a/x/08.tar", "a/x/09.tar", "a/x/10.tar", "a/y/08.tar", "a/y/09.tar", "a/y/10.tar"}));
  EXPECT_THROW(expand_pattern("a/{1..99999999}.tar"), Error);
  EXPECT_THROW(expand_pattern("a/{1..2"), Error);
  EXPECT_THROW(expand_pattern("{0..999}{0..999}{0..9}"), Error);
}

TEST(SourcePaths, BracketsOfAPathThatExistsArePartOfItsName) {
  const test::TemporaryFolder temporary;
  const fs::path top = temporary / "fourm_brackets [1]";
  for (const char* folder : {"photos {2..1}", "shards.tar"}) {
    write_file(top / folder / "caption" / "a.txt", "a chair");
    EXPECT_EQ(Source::open((top / folder).string()).size(), 1) << folder;
  }
  for (const char* name : {"[x]", "y"})
    for (const char* shard : {"0.tar", "1.tar"})
      write_tar(top / name / shard,
                [&](TarWriter& tar) { tar.add(std::string(1, shard[0]) + ".caption.txt", "a chair"); });
  EXPECT_EQ(expand_pattern((top / "y/{0..1}.tar").string()),
            (std::vector<std::string>{(top / "y/0.tar").string(), (top / "y/1.tar").string()}));
  EXPECT_EQ(Source::open((top / "[x]/{0..1}.tar").string()).size(), 2);
  EXPECT_EQ(expand_pattern((top / "[x,y]/1.tar").string()),
            (std::vector<std::string>{(top / "x/1.tar").string(), (top / "y/1.tar").string()}));
  EXPECT_THROW(Source::open((top / "photos {2..1}/caption/a.txt").string()), Error);
}

// Files stay in memory for the repeats of a sample, and each repeat draws its crop and caption anew.
TEST_F(ReaderTest, EachRepeatDrawsCropAndCaptionAnew) {
  const std::string path = (root / "folders").string();
  const auto repeated = [&](int64_t repeats) {
    std::vector<ReaderSet> sets;
    sets.push_back({TokenSet(path, all, *text), 1, repeats});
    return TokenReader(std::move(sets), 1, 10);
  };
  const TokenReader r = repeated(8);
  std::map<int64_t, std::set<int64_t>> crops;
  for (int64_t index = 0; index < 80; ++index)
    crops[r.place(index).sample].insert(r.sample(index).sample->at("tok_depth@64").ids[0]);
  ASSERT_EQ(crops.size(), 10u);
  size_t both = 0;
  for (const auto& [index, seen] : crops) both += seen.size() == 2;
  EXPECT_GE(both, 8u);
  // A run that resumes at any index draws the same.
  const TokenReader later = repeated(8);
  for (int64_t index = 33; index < 80; ++index)
    EXPECT_TRUE(same(*later.sample(index).sample, *r.sample(index).sample)) << index;
}

}  // namespace
}  // namespace fourm
