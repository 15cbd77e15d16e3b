// What the layouts of a data set are read as.
#include "fourm/data/source.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/data/check.h"
#include "fourm/data/convert.h"
#include "fourm/io/image.h"
#include "fourm/io/tar.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class SourceTest : public testing::Test {
 protected:
  void tar(const fs::path& path, const std::vector<std::string>& names) const {
    write_tar(root / path, [&](TarWriter& writer) {
      for (const auto& name : names) writer.add(name, content(name));
    });
  }
  static std::string content(const std::string& name) {
    if (name.ends_with("json")) return R"({"url": "u", "width": 4, "height": 4})";
    if (name.ends_with("txt")) return "a caption of " + name;
    Image image(4, 4, 3, 90);
    image.pixels[0] = static_cast<uint8_t>(name.size());
    return encode_png(image);
  }
  // "name: modality modality" of each sample.
  static std::vector<std::string> samples(const Source& source) {
    std::vector<std::string> all;
    for (int64_t i = 0; i < source.size(); ++i) {
      std::vector<std::string> has;
      for (const auto& modality : source.modalities())
        if (source.has(i, modality)) has.push_back(modality);
      all.push_back(source.name(i) + ": " + join(has, " "));
    }
    return all;
  }
  std::string faults(const fs::path& path) const {
    std::string text;
    for (const auto& fault : check_data(path.string(), {}).faults) {
      text += fault.text() + "\n";
      EXPECT_FALSE(fault.remedy.empty()) << fault.text();
    }
    return text;
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
};

TEST_F(SourceTest, ShardsOfImg2datasetAreRead) {
  const std::vector<std::string> first{"000000000.jpg", "000000000.json", "000000000.txt",
                                       "000000001.JPG", "000000001.json", "000000001.txt"};
  tar("cc12m/00000.tar", first);
  tar("cc12m/00001.tar", {"000010000.png", "000010000.json", "000010000.txt"});
  write_file(root / "cc12m/00000_stats.json", "{}");
  write_file(root / "cc12m/00000.parquet", "PAR1");
  const std::vector<std::string> expected{"000000000: caption rgb source_info", "000000001: caption rgb source_info",
                                          "000010000: caption rgb source_info"};
  const std::string folder = (root / "cc12m").string();
  for (const std::string& path : {folder, folder + "/{00000..00001}.tar", folder + "/0000{0,1}.tar", root.string()}) {
    const Source source = Source::open(path);
    EXPECT_EQ(samples(source), expected) << path;
    EXPECT_EQ(source.read(1, "caption"), "a caption of 000000001.txt");
    EXPECT_EQ(source.extension(1, "rgb"), "jpg");
    EXPECT_EQ(source.member(1, "rgb"), "000000001.JPG");
    EXPECT_EQ(faults(path), "") << path;
  }
  EXPECT_EQ(convert_to_folders(folder, root / "folders"), 3);
  EXPECT_TRUE(fs::exists(root / "folders/rgb/000000001.jpg"));
  EXPECT_EQ(faults(root / "folders"), "");
}

TEST_F(SourceTest, ExtensionsInCapitalsAreRead) {
  write_file(root / "rgb/n01/a.PNG", content("a.png"));
  write_file(root / "rgb/n01/b.JPEG", content("b.png"));
  write_file(root / "caption/n01/a.TXT", "one");
  write_file(root / "caption/n01/b.Json", "[\"two\"]");
  const Source source = Source::open(root.string());
  EXPECT_EQ(samples(source), (std::vector<std::string>{"n01/a: caption rgb", "n01/b: caption rgb"}));
  EXPECT_EQ(source.extension(0, "rgb"), "png");
  EXPECT_EQ(source.extension(1, "rgb"), "jpeg");
  EXPECT_EQ(faults(root), "");
  tar("shards/a.TAR", {"0.rgb.JPG", "0.caption.TXT"});
  EXPECT_EQ(samples(Source::open((root / "shards").string())), (std::vector<std::string>{"0: caption rgb"}));
  EXPECT_EQ(Source::open((root / "shards").string()).member(0, "rgb"), "0.rgb.JPG");
}

TEST_F(SourceTest, CompressedJsonIsRead) {
  static constexpr char kBytes[] =
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x8b\x56\x2a\x29\xcf\x57\x8a\xe5\x02\x00"
      "\x98\xd4\x41\x59\x08\x00\x00\x00";  // ["two"], by gzip
  const std::string compressed(kBytes, sizeof kBytes - 1);
  write_file(root / "folders/caption/n01/c.json.gz", compressed);
  write_tar(root / "shards/0.tar", [&](TarWriter& writer) { writer.add("c.caption.JSON.gz", compressed); });
  for (const char* set : {"folders", "shards"}) {
    const Source source = Source::open((root / set).string());
    ASSERT_EQ(source.size(), 1) << set;
    EXPECT_EQ(fs::path(source.name(0)).filename(), "c");
    EXPECT_EQ(source.extension(0, "caption"), "json");
    EXPECT_EQ(source.read(0, "caption"), "[\"two\"]\n");
    EXPECT_EQ(faults(root / set), "");
  }
  write_file(root / "cut/caption/c.json.gz", compressed.substr(0, 20));
  EXPECT_NE(faults(root / "cut").find("c.json.gz: is a broken or cut .gz file"), std::string::npos);
}

TEST_F(SourceTest, KeysWithDotsStayApartOrAreRefused) {
  tar("a/0.tar",
      {"IMG_2.0.rgb.png", "IMG_2.0.caption.txt", "IMG_2.1.rgb.png", "IMG_2.1.caption.txt", "a.1.jpg", "a.1.txt"});
  EXPECT_EQ(samples(Source::open((root / "a").string())),
            (std::vector<std::string>{"IMG_2.0: caption rgb", "IMG_2.1: caption rgb", "a.1: caption rgb"}));
  EXPECT_EQ(faults(root / "a"), "");
  tar("b/rgb/0.tar", {"1305031102.175304.png"});
  tar("b/caption/0.tar", {"1305031102.175304.txt"});
  EXPECT_EQ(samples(Source::open((root / "b").string())), (std::vector<std::string>{"1305031102.175304: caption rgb"}));
  tar("c/0.tar", {"0.rgb.png", "www.example.rgb.png", "www.example.org.jpg", "0.seg.v2.png"});
  EXPECT_NE(faults(root / "c").find("www.example.rgb.png': has a dot in its key"), std::string::npos)
      << faults(root / "c");
  EXPECT_NE(faults(root / "c").find("www.example.org.jpg': has a dot in its key"), std::string::npos);
  EXPECT_NE(faults(root / "c").find("0.seg.v2.png': has a dot in its key"), std::string::npos);
  tar("d/rgb/0.tar", {"photo.draft.png", "photo.final.png"});
  EXPECT_NE(faults(root / "d").find("names the modality 'draft', but its archive lies in rgb"), std::string::npos)
      << faults(root / "d");
}

TEST_F(SourceTest, WhatIsNotReadIsNamed) {
  tar("a/rgb/0.tar", {"0.png"});
  tar("a/rgb/below/1.tar", {"1.png"});
  write_file(root / "a/rgb/9.png", content("9.png"));
  write_file(root / "a/rgb/8.gif", "GIF89a");
  write_file(root / "a/1.tar.gz", "\x1f\x8b");
  write_file(root / "a/2.tgz", "\x1f\x8b");
  const std::string text = faults(root / "a");
  for (const char* file :
       {"rgb/below: lies beside shards", "rgb/9.png: lies beside shards", "rgb/8.gif: is a GIF image",
        "a/1.tar.gz: is an archive that is not read", "a/2.tgz: is an archive that is not read"})
    EXPECT_NE(text.find(file), std::string::npos) << file << " in\n" << text;
  write_file(root / "b/rgb/0.png", content("0.png"));
  tar("b/rgb/below/1.tar", {"1.png"});
  write_file(root / "b/rgb/2.tar.zst", "x");
  write_file(root / "b/rgb/3.heic", "x");
  const std::string below = faults(root / "b");
  for (const char* file : {"below/1.tar: is an archive in a place", "2.tar.zst: is an archive that is not read",
                           "3.heic: is a HEIC image"})
    EXPECT_NE(below.find(file), std::string::npos) << file << " in\n" << below;
  write_file(root / "c/0.tar", std::string("\x1f\x8b\x08\0", 4) + std::string(1000, 'x'));
  EXPECT_NE(faults(root / "c").find("0.tar: is compressed (gzip)"), std::string::npos) << faults(root / "c");
  EXPECT_THROW(Source::open((root / "a/1.tar.gz").string()), Error);
}

TEST_F(SourceTest, AFolderOfSplitsIsNotASet) {
  for (const char* name : {"train/rgb/0.png", "train/caption/0.txt", "val/rgb/1.png", "val/caption/1.txt"})
    write_file(root / name, content(name));
  const CheckReport report = check_data(root.string(), {});
  ASSERT_EQ(report.faults.size(), 1u);
  EXPECT_NE(report.faults[0].problem.find("folder of splits (train, val)"), std::string::npos);
  EXPECT_NE(report.faults[0].remedy.find("fourm data check " + (root / "train").string()), std::string::npos);
  EXPECT_THROW(Source::open(root.string()), Error);
  EXPECT_EQ(faults(root / "train"), "");
}

// In folders, and in shards, of which some may be left without samples.
TEST_F(SourceTest, AFractionHasTheSameSamplesWhereverTheyAre) {
  std::vector<std::string> all;
  for (int shard = 0; shard < 10; ++shard) {
    std::vector<std::string> names;
    for (int i = 0; i < 10; ++i) {
      names.push_back(concat("room", shard, i, ".png"));
      write_file(root / "folders/rgb" / names.back(), content(names.back()));
      if (i % 2) write_file(root / "folders/caption" / concat("room", shard, i, ".txt"), "a");
    }
    tar(concat("shards/rgb/shard-0", shard, ".tar"), names);
  }
  const auto kept = [&](const char* folder, double fraction) {
    Source source = Source::open((root / folder).string());
    source.keep_fraction(fraction);
    std::vector<std::string> names;
    for (int64_t i = 0; i < source.size(); ++i) {
      names.push_back(source.name(i));
      EXPECT_EQ(source.read(i, "rgb"), content(names.back() + ".png"));
      EXPECT_EQ(source.has(i, "caption"), folder == std::string("folders") && (names.back().back() - '0') % 2 == 1);
    }
    EXPECT_EQ(source.shards()[0], 0);
    EXPECT_TRUE(std::is_sorted(source.shards().begin(), source.shards().end(), std::less_equal<>()));
    EXPECT_LT(source.shards().back(), source.size()) << "no shard is empty";
    return names;
  };
  EXPECT_EQ(kept("folders", 1).size(), 100u);
  EXPECT_EQ(kept("folders", 0.001).size(), 1u);
  const auto few = kept("folders", 0.05), more = kept("folders", 0.245);
  EXPECT_EQ(few.size(), 5u);
  EXPECT_EQ(more.size(), 25u) << "rounded up";
  for (const auto& name : few) EXPECT_TRUE(contains(more, name)) << name;
  EXPECT_EQ(kept("shards", 0.05), few);
  EXPECT_EQ(kept("shards", 0.245), more);
  Source source = Source::open((root / "folders").string());
  EXPECT_THROW(source.keep_fraction(0), Error);
}

}  // namespace
}  // namespace fourm
