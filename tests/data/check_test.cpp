#include "fourm/data/check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "fourm/core/error.h"
#include "fourm/data/convert.h"
#include "fourm/data/stats.h"
#include "fourm/io/tar.h"
#include "tests/support/data_folder.h"
#include "tests/support/jpeg.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class CheckTest : public testing::Test {
 protected:
  static std::string all(const CheckReport& report) {
    std::string text;
    for (const auto& fault : report.faults) text += fault.text() + "\n";
    return text;
  }

  // The member is missing: one warning that names its file, and no fault.
  void expect_missing(const fs::path& data, const std::string& file, const std::string& member) const {
    const CheckReport report = check_data(data.string(), {});
    EXPECT_EQ(all(report), "");
    ASSERT_EQ(report.warnings.size(), 1u);
    const Fault& warning = report.warnings[0];
    EXPECT_NE(warning.file.find(file), std::string::npos) << warning.text();
    EXPECT_EQ(warning.member, member);
    EXPECT_NE(warning.problem.find("is missing"), std::string::npos) << warning.text();
    EXPECT_FALSE(warning.remedy.empty());
    EXPECT_TRUE(check_data(data.string(), {.missing_ok = true}).warnings.empty());
  }

  // The fault is found: one finding names the file (and member), the problem, and something to do.
  void expect_fault(const std::string& what, const fs::path& data, const std::string& file, const std::string& member,
                    const std::string& problem) const {
    const CheckReport report = check_data(data.string(), {});
    bool found = false;
    for (const auto& fault : report.faults) {
      EXPECT_FALSE(fault.remedy.empty()) << what << ": " << fault.text();
      found |= fault.file.find(file) != std::string::npos && fault.member.find(member) != std::string::npos &&
               fault.problem.find(problem) != std::string::npos;
    }
    EXPECT_TRUE(found) << what << " was not found; findings:\n" << all(report);
    EXPECT_LE(report.faults.size(), 2u) << what << " led to:\n" << all(report);
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary / "set";
};

// 31 faults, one at a time, each in an otherwise valid set: in folders, and what can stand in an archive in shards too.
TEST_F(CheckTest, FindsEachFault) {
  struct Planted {
    const char *what, *file, *problem;
    std::function<void(const fs::path&)> plant;
  };
  const auto text = [](const char* file, std::string bytes) {
    return [=](const fs::path& data) { write_file(data / file, bytes); };
  };
  const auto array = [](const char* file, const NpyArray& values) {
    return [=](const fs::path& data) { write_npy(data / file, values); };
  };
  const auto box = [&](const char* corners) {
    return text("det/room2.json",
                std::string(R"({"instances": [{"boxes": [)") + corners + R"(], "class_name": "chair"}]})");
  };
  NpyArray metres = npy_from_floats(std::vector<float>(24 * 20, 2), {20, 24});
  NpyArray behind = metres;
  const float negative = -1;
  std::memcpy(&behind.bytes[40], &negative, 4);
  const auto depth_array = [](const NpyArray& values) {
    return [=](const fs::path& data) {
      fs::remove(data / "depth/room2.png");
      write_npy(data / "depth/room2.npy", values);
    };
  };
  const std::vector<Planted> faults{
      {"photograph in place of depth", "depth/room2.png", "expected 16-bit grey",
       [](const fs::path& d) {
         fs::copy_file(d / "rgb/room2.png", d / "depth/room2.png", fs::copy_options::overwrite_existing);
       }},
      {"depth in place of a photograph", "rgb/room2.png", "16-bit grey",
       [](const fs::path& d) {
         fs::copy_file(d / "depth/room2.png", d / "rgb/room2.png", fs::copy_options::overwrite_existing);
       }},
      {"normals in place of a photograph", "rgb/room2.png", "normal map",
       [](const fs::path& d) {
         fs::copy_file(d / "normal/room2.png", d / "rgb/room2.png", fs::copy_options::overwrite_existing);
       }},
      {"photograph in place of normals", "normal/room2.png", "no unit vectors",
       [](const fs::path& d) {
         fs::copy_file(d / "rgb/room2.png", d / "normal/room2.png", fs::copy_options::overwrite_existing);
       }},
      {"boxes in place of captions", "caption/room2.json", "holds boxes",
       [](const fs::path& d) {
         fs::copy_file(d / "det/room2.json", d / "caption/room2.json", fs::copy_options::overwrite_existing);
       }},
      {"cut image", "rgb/room2.png", "cut",
       [](const fs::path& d) { write_file(d / "rgb/room2.png", read_file(d / "rgb/room2.png").substr(0, 900)); }},
      {"cut JPEG", "rgb/room2.jpg", "",
       [](const fs::path& d) {
         fs::remove(d / "rgb/room2.png");
         const std::string whole = test::encode_jpeg(test::noise(24, 20, 1), JCS_RGB);
         write_file(d / "rgb/room2.jpg", whole.substr(0, whole.size() / 2));
       }},
      {"label out of range", "semseg/room2.png", "label 7 out of range",
       text("semseg/room2.png", encode_label_png(Raster<uint8_t>(24, 20, 1, 7), std::vector<Colour>(8)))},
      {"negative depth", "depth/room2.npy", "depth -1", depth_array(behind)},
      {"depth in integers", "depth/room2.npy", "unit is not known",
       depth_array(npy_from_integers(std::vector<int64_t>(24 * 20, 2000), {20, 24}, "u2"))},
      {"depth in 8 bits", "depth/room2.png", "unit is not known",
       text("depth/room2.png", encode_png(Image(24, 20, 1, 9)))},
      {"caption that is not UTF-8", "caption/room2.txt", "UTF-8",
       [](const fs::path& d) {
         fs::remove(d / "caption/room2.json");
         write_file(d / "caption/room2.txt", "caf\xe9");
       }},
      {"box outside 0..1", "det/room2.json", "holds 1.5", box("0.1, 0.2, 1.5, 0.9")},
      {"box corners in the wrong order", "det/room2.json", "wrong order", box("0.6, 0.2, 0.3, 0.9")},
      {"box of three numbers", "det/room2.json", "3 numbers", box("0.6, 0.2, 0.3")},
      {"empty file", "rgb/room2.png", "empty", text("rgb/room2.png", "")},
      {"wrong number of channels", "normal/room2.png", "wrong number of channels",
       text("normal/room2.png", encode_png(Image(24, 20, 1, 9)))},
      {"another size", "depth/room2.png", "is 12x10",
       text("depth/room2.png", encode_png16(Raster<uint16_t>(12, 10, 1, 500)))},
      {"token out of vocabulary", "tok_rgb@32/room2.npy", "token 16",
       array("tok_rgb@32/room2.npy", npy_from_integers(std::vector<int64_t>(48, 16), {3, 16}, "i2"))},
      {"tokens of the wrong shape", "tok_rgb@32/room2.npy", "20 tokens per crop",
       array("tok_rgb@32/room2.npy", npy_from_integers(std::vector<int64_t>(60, 1), {3, 20}, "i2"))},
      {"tokens of the wrong dtype", "tok_rgb@32/room2.npy", "dtype",
       array("tok_rgb@32/room2.npy", npy_from_floats(std::vector<float>(48, 1), {3, 16}))},
      {"another number of crops", "tok_rgb@32/room2.npy", "has 2 crops",
       array("tok_rgb@32/room2.npy", npy_from_integers(std::vector<int64_t>(32, 1), {2, 16}, "i2"))},
      {"crop without area", "crop_settings/room2.npy", "height 0",
       array("crop_settings/room2.npy", npy_from_integers(std::vector<int64_t>(15, 0), {3, 5}, "i4"))},
      {"broken JSON", "det/room2.json", "not valid JSON", text("det/room2.json", R"({"instances": [)")},
      {"empty list of captions", "caption/room2.json", "empty", text("caption/room2.json", "[]")},
  };
  const std::vector<Planted> of_folders{
      {"duplicate key", "rgb/room2.png", "duplicate key",
       [](const fs::path& d) { fs::copy_file(d / "rgb/room1.png", d / "rgb/room2.jpg"); }},
      {"loop of links", "rgb/again", "a loop",
       [](const fs::path& d) { fs::create_directory_symlink(d / "rgb", d / "rgb/again"); }},
      {"link to itself", "rgb/self.png", "loop of symbolic links",
       [](const fs::path& d) { fs::create_symlink("self.png", d / "rgb/self.png"); }},
      {"link to nothing", "rgb/gone.png", "link to nothing",
       [](const fs::path& d) { fs::create_symlink("nowhere.png", d / "rgb/gone.png"); }},
      {"unknown extension", "rgb/room9.doc", "extension", text("rgb/room9.doc", "BM")},
      {"format that is not read", "rgb/room9.bmp", "BMP", text("rgb/room9.bmp", "BM")},
  };
  EXPECT_EQ(faults.size() + of_folders.size(), 31u);
  const fs::path folders = root / "folders", shards = root / "shards";
  const auto plant = [&](const Planted& fault) {
    fs::remove_all(root);
    test::write_data_folder(folders, 5);
    fault.plant(folders);
    expect_fault(fault.what, folders, fault.file, "", fault.problem);
  };
  for (const auto& fault : of_folders) plant(fault);
  for (const auto& fault : faults) {
    plant(fault);
    convert_to_shards(folders.string(), shards, 3);
    const std::string modality = fs::path(fault.file).parent_path().string();
    expect_fault(fault.what, shards, modality + "/shard-00000.tar", "room2", fault.problem);
  }
}

// What another run left behind is not part of a data set of so many samples.
// The set's own table leaves sizes to the model.
TEST_F(CheckTest, SizesAreThoseOfTheModel) {
  test::write_data_folder(root, 3);
  write_file(root / "modalities.yaml", "modalities:\n  tok_rgb@32: {vocab_size: 16, patch_size: 8, max_tokens: 16}\n");
  CheckOptions options;
  options.image_size = 32;
  options.patch_size = 8;
  EXPECT_EQ(all(check_data(root.string(), options)), "");
}

// Embeddings of an official modality may have another width than the official models; then all have that of the first.
TEST_F(CheckTest, TheWidthOfEmbeddingsIsThatOfTheData) {
  for (int i = 0; i < 3; ++i)
    write_npy(root / "t5_caption" / (std::to_string(i) + ".npy"), npy_from_floats(std::vector<float>(12, 1), {3, 4}));
  EXPECT_EQ(all(check_data(root.string(), {})), "");
  write_npy(root / "t5_caption/2.npy", npy_from_floats(std::vector<float>(12, 1), {4, 3}));
  EXPECT_NE(all(check_data(root.string(), {})).find("expected vectors of 4 numbers, found 3"), std::string::npos);
}

// A set named by a pattern is described by the files in its folder too.
TEST_F(CheckTest, PatternsKnowTheFactsOfTheirFolder) {
  test::write_data_folder(root / "set", 3);
  convert_to_shards((root / "set").string(), root / "shards", 2);
  const Source pattern = Source::open((root / "shards/[rgb,semseg]/shard-{00000..00001}.tar").string());
  EXPECT_EQ(DataFacts::read(pattern).classes.size(), 3u);
}

TEST_F(CheckTest, MoreSamplesThanTheDataSetSays) {
  test::write_data_folder(root, 5);
  const std::string classes = read_file(root / "dataset.yaml");
  write_file(root / "dataset.yaml", "count: 4\n" + classes);
  EXPECT_NE(all(check_data(root.string(), {})).find("4 samples, but 5"), std::string::npos);
  write_file(root / "dataset.yaml", "count: 5\n" + classes);
  EXPECT_EQ(all(check_data(root.string(), {})), "");
}

// A depth file whose unit only the data set can tell, and the statistics of one with holes.
TEST_F(CheckTest, DepthInAStatedUnit) {
  test::write_data_folder(root, 5);
  fs::remove(root / "depth/room2.png");
  std::vector<int64_t> centimetres(24 * 20, 200);
  std::fill_n(centimetres.begin(), 48, 0);
  write_npy(root / "depth/room2.npy", npy_from_integers(centimetres, {20, 24}, "u2"));
  write_file(root / "dataset.yaml", "depth: {unit: cm}\n" + read_file(root / "dataset.yaml"));
  EXPECT_EQ(all(check_data(root.string(), {})), "");
  const Json depth = data_stats(root.string(), 0).report["modalities"]["depth"];
  EXPECT_EQ(depth["unreadable"], 0);
  EXPECT_EQ(depth["sizes"]["24x20"], 5);
  EXPECT_NEAR(depth["unknown"].get<double>(), 48.0 / (5 * 24 * 20), 1e-12);
}

// A pattern may join folders that state different units.
TEST_F(CheckTest, TheUnitOfDepthIsThatOfEachFile) {
  const std::string path = (root / "{a/depth/0,b/depth/1}.tar").string();
  for (const char* archive : {"a/depth/0.tar", "b/depth/1.tar"})
    write_tar(root / archive, [&](TarWriter& tar) {
      for (int i = 0; i < 2; ++i)
        tar.add(concat(archive[0], i, ".npy"),
                encode_npy(npy_from_integers(std::vector<int64_t>(24 * 20, 9), {20, 24}, "u2")));
    });
  EXPECT_EQ(check_data(path, {}).faults.size(), 4u);
  write_file(root / "a/dataset.yaml", "depth: {unit: cm}\n");
  EXPECT_EQ(check_data(path, {}).faults.size(), 2u) << all(check_data(path, {}));
  EXPECT_EQ(data_stats(path, 0).report["modalities"]["depth"]["unreadable"], 2);
  write_file(root / "b/dataset.yaml", "depth: {unit: m}\n");
  EXPECT_EQ(all(check_data(path, {})), "");
  EXPECT_EQ(data_stats(path, 0).report["modalities"]["depth"]["unreadable"], 0);
}

// Texts may be stored as token ids.
TEST_F(CheckTest, StatisticsOfTokenIds) {
  for (int i = 0; i < 3; ++i)
    write_npy(root / "caption" / (std::to_string(i) + ".npy"), npy_from_integers({1, 2, 3 + i}, {3}, "i2"));
  const DataStats stats = data_stats(root.string(), 1);
  const Json& caption = stats.report["modalities"]["caption"];
  EXPECT_EQ(caption["unreadable"], 0);
  EXPECT_EQ(caption["used"], 5);
  EXPECT_EQ(caption["highest"], 5);
  ASSERT_EQ(stats.preview.size(), 1u);
}

TEST_F(CheckTest, MapsMayHaveHoles) {
  test::write_data_folder(root, 5);
  Image normals = test::normals(24, 20);
  std::fill_n(normals.pixels.begin(), 3 * 300, 128);
  std::fill_n(normals.pixels.begin() + 3 * 300, 60, 0);
  write_png(root / "normal/room2.png", normals);
  write_png(root / "normal/room3.png", Image(24, 20, 3, 128));
  write_png16(root / "depth/room2.png", Raster<uint16_t>(24, 20, 1, 0));
  fs::remove(root / "depth/room3.png");
  write_npy(root / "depth/room3.npy", npy_from_floats(std::vector<float>(24 * 20, NAN), {20, 24}));
  write_label_png(root / "semseg/room2.png", Image(24, 20, 1, 255), std::vector<Colour>(256));
  EXPECT_EQ(all(check_data(root.string(), {})), "");
}

TEST_F(CheckTest, FindsFaultsOfArchives) {
  test::write_data_folder(root / "folders", 5);
  convert_to_shards((root / "folders").string(), root / "shards", 3);
  const fs::path shard = root / "shards/caption/shard-00000.tar";
  const std::string valid = read_file(shard), caption = "\"a room\"";
  const auto write = [&](const std::vector<std::string>& names) {
    write_tar(shard, [&](TarWriter& tar) {
      for (const auto& name : names) tar.add(name, caption);
    });
  };
  // Rewrites the header of the second member, whose data follow at `offset`.
  const auto patch = [&](size_t at, const std::string& field) {
    write({"room0.json", "room1.json", "room2.json"});
    std::string bytes = read_file(shard);
    char* header = &bytes[list_tar(shard).members[1].offset - 512];
    std::copy(field.begin(), field.end(), header + at);
    std::fill_n(header + 148, 8, ' ');
    unsigned sum = 0;
    for (int i = 0; i < 512; ++i) sum += static_cast<uint8_t>(header[i]);
    std::snprintf(header + 148, 8, "%06o", sum);
    write_file(shard, bytes);
  };
  const auto found = [&](const std::string& what, const std::string& file, const std::string& member,
                         const std::string& problem) {
    const CheckReport report = check_data((root / "shards").string(), {});
    for (const auto& fault : report.faults)
      if (fault.file.find(file) != std::string::npos && fault.member.find(member) != std::string::npos &&
          fault.problem.find(problem) != std::string::npos && !fault.remedy.empty())
        return;
    ADD_FAILURE() << what << " was not found; findings:\n" << all(report);
  };

  write({"room0.json", "room2.json"});
  expect_missing(root / "shards", "caption/shard-00000.tar", "room1");
  write({"room0.json", "room1.json", "room2.json", "room1.txt"});
  found("duplicate key", "caption/shard-00000.tar", "room1.txt", "duplicate key");
  write({"room0.json", "room1.json", "room2.json", "room3.json"});
  found("key of another shard", "caption/shard-00001.tar", "room3.json", "duplicate key");
  write({"room0.json", "room1.json", "room2.json", "../../room.json"});
  found("path with '..'", "caption/shard-00000.tar", "../../room.json", "'..'");
  write({"room0.json", "room1.json", "room2.json", "room3....json"});
  found("the modality '..'", "caption/shard-00000.tar", "room3....json", "names no modality");
  EXPECT_THROW(Source::open((root / "shards").string()), Error);
  std::string huge(12, '\0');
  huge[0] = '\x80';
  for (int i = 0; i < 8; ++i) huge[11 - i] = static_cast<char>(1'000'000'000'000 >> 8 * i);
  patch(124, huge);
  found("a member of 10^12 bytes", "caption/shard-00000.tar", "room1.json", "claims 1000000000000 bytes");
  patch(156, "2");
  found("a link", "caption/shard-00000.tar", "room1.json", "is a link");
  write_file(shard, valid.substr(0, 700));
  found("a cut shard", "caption/shard-00000.tar", "", "");
  write_file(shard, "this is no archive at all, but a text that somebody put here");
  found("an unreadable shard", "caption/shard-00000.tar", "", "not a tar");
  write_file(shard, "");
  found("an empty shard", "caption/shard-00000.tar", "", "empty");
  fs::remove(shard);
  const CheckReport missing = check_data((root / "shards").string(), {});
  EXPECT_EQ(all(missing), "");
  EXPECT_EQ(missing.warnings.size(), 3u) << "the members of a missing shard";
  write_file(shard, valid);
  EXPECT_EQ(all(check_data((root / "shards").string(), {})), "");
}

TEST_F(CheckTest, FaultsAreFoundWhereAllModalitiesShareAShard) {
  test::write_data_folder(root / "folders", 4);
  const Source source = Source::open((root / "folders").string());
  const auto write = [&](const std::string& left_out, const std::string& cut) {
    for (const char* file : {"dataset.yaml", "modalities.yaml"})
      write_file(root / "shards" / file, read_file(root / "folders" / file));
    write_tar(root / "shards/shard-00000.tar", [&](TarWriter& tar) {
      for (int64_t i = 0; i < source.size(); ++i)
        for (const auto& modality : source.modalities()) {
          const std::string name = source.name(i) + "." + modality + "." + source.extension(i, modality);
          const std::string bytes = source.read(i, modality);
          if (name != left_out) tar.add(name, name == cut ? bytes.substr(0, bytes.size() / 2) : bytes);
        }
    });
  };
  write("", "");
  EXPECT_EQ(all(check_data((root / "shards").string(), {})), "");
  write("room1.depth.png", "");
  expect_missing(root / "shards", "shards/shard-00000.tar", "room1");
  write("", "room3.rgb.png");
  expect_fault("cut image", root / "shards", "shards/shard-00000.tar", "room3.rgb.png", "cut");
}

TEST_F(CheckTest, MissingMembersAreWarnings) {
  test::write_data_folder(root / "folders", 5);
  fs::remove(root / "folders/depth/room2.png");
  expect_missing(root / "folders", "depth/room2", "room2");
  convert_to_shards((root / "folders").string(), root / "shards", 3);
  expect_missing(root / "shards", "depth/shard-00000.tar", "room2");
}

TEST_F(CheckTest, NothingIsReportedOnSoundData) {
  test::write_data_folder(root / "folders", 6);
  write_npy(root / "folders/depth/room1.npy", npy_from_floats(std::vector<float>(24 * 20, 2.5), {20, 24}));
  fs::remove(root / "folders/depth/room1.png");
  write_file(root / "folders/caption/room1.txt", "Ein St\xc3\xbchlchen.\n");
  fs::remove(root / "folders/caption/room1.json");
  const CheckReport folders = check_data((root / "folders").string(), {});
  EXPECT_EQ(all(folders), "");
  EXPECT_EQ(folders.samples, 6);
  EXPECT_EQ(folders.files, 54);
  convert_to_shards((root / "folders").string(), root / "shards", 4);
  EXPECT_EQ(all(check_data((root / "shards").string(), {})), "");
  EXPECT_EQ(all(check_data((root / "shards").string() + "/[rgb,caption]/shard-{00000..00001}.tar", {})), "");
  fs::remove(root / "folders/caption/room1.txt");
  EXPECT_EQ(all(check_data((root / "folders").string(), {.missing_ok = true})), "");
}

TEST_F(CheckTest, ConvertingThereAndBackKeepsEveryByte) {
  test::write_data_folder(root / "a", 7);
  const Source flat = Source::open((root / "a").string());
  for (const auto& modality : flat.modalities())
    for (const auto& file : list_files(root / "a" / modality)) {
      make_folder(root / "a" / modality / "class");
      fs::rename(file, root / "a" / modality / "class" / file.filename());
    }
  EXPECT_EQ(convert_to_shards((root / "a").string(), root / "b", 3), 7);
  EXPECT_EQ(convert_to_folders((root / "b").string(), root / "c"), 7);
  const Source a = Source::open((root / "a").string()), c = Source::open((root / "c").string());
  ASSERT_EQ(a.modalities(), c.modalities());
  for (int64_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a.name(i), c.name(i));
    for (const auto& modality : a.modalities()) EXPECT_EQ(a.read(i, modality), c.read(i, modality));
  }
  EXPECT_EQ(Source::open((root / "b").string()).shards(), (std::vector<int64_t>{0, 3, 6}));
}

TEST_F(CheckTest, ConvertedSetsStateTheUnitOfDepth) {
  const auto write = [&](const char* set) {
    test::write_data_folder(root / set / "train", 3);
    fs::remove(root / set / "train/dataset.yaml");
  };
  const auto unit = [&](const char* set) {
    const Source copy = Source::open((root / set).string());
    return DepthUnits().of(copy.file(0, "depth"));
  };
  write("above");
  write_file(root / "above/dataset.yaml", "depth: {unit: 0.0002}\n");
  convert_to_shards((root / "above/train").string(), root / "shards", 2);
  EXPECT_EQ(unit("shards"), 0.0002);
  convert_to_folders((root / "above/train").string(), root / "folders");
  EXPECT_EQ(unit("folders"), 0.0002);
  write("inside");
  write_file(root / "inside/train/dataset.yaml", "name: x\ndepth: {unit: cm}\n");
  convert_to_shards((root / "inside/train").string(), root / "own", 2);
  EXPECT_EQ(unit("own"), 0.01);
  write("none");
  convert_to_shards((root / "none/train").string(), root / "plain", 2);
  EXPECT_EQ(unit("plain"), std::nullopt);
}

TEST_F(CheckTest, ClassesAreNamesOrNamesWithLabels) {
  test::write_data_folder(root, 1);
  const auto names = [&](const std::string& list) {
    write_file(root / "dataset.yaml", "semseg_classes: " + list + "\n");
    return DataFacts::read(Source::open(root.string())).classes;
  };
  EXPECT_EQ(names("[wall, floor]"), (std::vector<std::string>{"wall", "floor"}));
  EXPECT_EQ(names("[{name: wall}, {name: floor}]"), (std::vector<std::string>{"wall", "floor"}));
  EXPECT_EQ(names("[{id: 2, name: floor}, {id: 1, name: wall}]"), (std::vector<std::string>{"", "wall", "floor"}));
  EXPECT_THROW(names("3"), Error);
  EXPECT_THROW(names("[{id: 300, name: floor}]"), Error);
}

TEST_F(CheckTest, KeysThatTrainingRefusesAreFaults) {
  test::write_data_folder(root, 1);
  write_file(root / "dataset.yaml", "texts: whole-image\n");
  EXPECT_NE(all(check_data(root.string(), {})).find("texts should be whole_image or crops"), std::string::npos);
}

// The names that shards can hold are the same for `data convert`, `tokenize` and `data check`.
TEST_F(CheckTest, NamesThatCannotBeKeysOfShards) {
  const auto write = [&](const std::string& name) {
    fs::remove_all(root);
    write_file(root / "a/caption" / (name + ".txt"), "a room");
  };
  write("1305031102.175304");
  EXPECT_TRUE(check_data((root / "a").string(), {}).warnings.empty());
  EXPECT_EQ(convert_to_shards((root / "a").string(), root / "b", 2), 1);
  EXPECT_EQ(Source::open((root / "b").string()).name(0), "1305031102.175304");
  write("photo.final");
  const CheckReport report = check_data((root / "a").string(), {});
  EXPECT_EQ(all(report), "");
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_EQ(report.warnings[0].member, "photo.final");
  EXPECT_THROW(convert_to_shards((root / "a").string(), root / "b", 2), Error);
  EXPECT_FALSE(fs::exists(root / "b")) << "nothing is written";
}

TEST_F(CheckTest, StatisticsCount) {
  test::write_data_folder(root, 6);
  write_file(root / "rgb/room5.png", "broken");
  const DataStats stats = data_stats(root.string(), 2);
  const Json& m = stats.report["modalities"];
  EXPECT_EQ(stats.report["samples"], 6);
  EXPECT_EQ(m["rgb"]["unreadable"], 1);
  EXPECT_EQ(m["rgb"]["sizes"]["24x20"], 5);
  EXPECT_NEAR(m["semseg"]["classes"]["chair"].get<double>(), 1 / 3.0, 1e-9);
  EXPECT_EQ(m["det"]["boxes"], 6);
  EXPECT_EQ(m["det"]["classes"]["chair"], 6);
  EXPECT_EQ(m["caption"]["texts"], 12);
  EXPECT_EQ(m["caption"]["words"]["most"], 5);
  EXPECT_DOUBLE_EQ(m["caption"]["words"]["mean"].get<double>(), 3.5);
  EXPECT_EQ(m["tok_rgb@32"]["used"], 6);
  EXPECT_EQ(m["tok_rgb@32"]["highest"], 5);
  ASSERT_EQ(stats.preview.size(), 2u);
  EXPECT_EQ(stats.preview[0].first, "room0");
}

TEST_F(CheckTest, TransparencyGivesMasksAndTightBoxes) {
  Image image(10, 8, 4);
  for (int y = 2; y < 6; ++y)
    for (int x = 3; x < 8; ++x) image.at(x, y)[3] = 255;
  write_file(root / "rgb/birds/crow.png", encode_png(image));
  write_file(root / "rgb/photo.png", encode_png(Image(6, 4, 3, 9)));
  EXPECT_EQ(label_by_transparency(root), 2);
  const Json box = read_json(root / "det/birds/crow.json")["instances"][0];
  EXPECT_EQ(box["class_name"], "birds");
  EXPECT_EQ(box["boxes"], Json({0.3, 0.25, 0.8, 0.75}));
  EXPECT_TRUE(read_json(root / "det/photo.json")["instances"].empty());
  const auto mask = read_png16(root / "mask/birds/crow.png");
  EXPECT_EQ(*mask.at(3, 2), 255);
  EXPECT_EQ(*mask.at(2, 2), 0);
  EXPECT_TRUE(check_data(root.string(), {}).faults.empty());

  write_file(root / "det/photo.json", R"({"instances": []})");
  fs::remove(root / "mask/birds/crow.png");
  EXPECT_EQ(label_by_transparency(root), 1) << "what is there stays";
  EXPECT_EQ(read_file(root / "det/photo.json"), R"({"instances": []})");
  EXPECT_EQ(read_png16(root / "mask/birds/crow.png"), mask);
  convert_to_shards(root.string(), root.string() + "_shards", 2);
  EXPECT_THROW(label_by_transparency(root.string() + "_shards"), Error);
}

TEST_F(CheckTest, ImagesWithoutTransparencyAreNotLabelled) {
  write_file(root / "rgb/photo.png", encode_png(Image(6, 4, 3, 9)));
  EXPECT_THROW(label_by_transparency(root), Error);
  EXPECT_FALSE(fs::exists(root / "mask") || fs::exists(root / "det"));
}

// A copy is written apart from the set.
TEST_F(CheckTest, CopiesLieApartFromTheSet) {
  write_file(root / "a/set/caption/room.txt", "a room");
  const std::string set = (root / "a/set").string();
  for (const char* out : {"a/set", "a/set/shards", "a"}) {
    EXPECT_THROW(convert_to_shards(set, root / out, 2), Error) << out;
    EXPECT_THROW(convert_to_folders(set, root / out), Error) << out;
  }
  EXPECT_EQ(convert_to_shards(set, root / "a/set_shards", 2), 1);
  EXPECT_FALSE(fs::exists(root / "a/caption") || fs::exists(root / "a/set/shards"));
}

TEST_F(CheckTest, FilesOfNothingAreFaults) {
  test::write_data_folder(root, 2);
  write_npy(root / "rgb@32/room0.npy", npy_from_integers({}, {0, 32, 32, 3}, "u1"));
  EXPECT_NE(all(check_data(root.string(), {.missing_ok = true})).find("rgb@32/room0.npy"), std::string::npos);
  EXPECT_EQ(data_stats(root.string(), 1).report["modalities"]["rgb@32"]["sizes"]["0x32x32x3"], 1);
}

}  // namespace
}  // namespace fourm
