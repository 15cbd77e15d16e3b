// Whole samples: aligned, described truthfully, the same on every machine and number of threads.
#include "fourm/rooms/rooms.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/tar.h"
#include "fourm/rooms/dataset.h"

namespace fourm {
namespace {

// With the furniture package where it is installed, and always with solids.
class Rooms : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    set_quiet(true);
    if (GetParam() && !fs::exists(kFurnitureFolder)) GTEST_SKIP() << "sweethome3d-furniture is not installed";
  }
  RoomOptions options() const {
    RoomOptions o;
    o.size = 64;
    o.seed = 11;
    o.catalogue = GetParam() ? kFurnitureFolder : "/nonexistent";
    return o;
  }
};
INSTANTIATE_TEST_SUITE_P(Furniture, Rooms, testing::Bool(),
                         [](const auto& p) { return p.param ? "Package" : "Solids"; });

TEST_P(Rooms, BoxesAreTightHullsOfTheirPixels) {
  const RoomMaker maker(options());
  for (uint64_t i = 0; i < 6; ++i) {
    const RoomSample s = maker.make(i);
    std::map<std::vector<double>, std::string> hulls;
    std::map<int, std::array<int, 5>> extent;  // x0, y0, x1, y1, pixels
    for (int y = 0; y < 64; ++y)
      for (int x = 0; x < 64; ++x) {
        const int instance = *s.instance.at(x, y);
        auto [e, fresh] = extent.try_emplace(instance, std::array<int, 5>{x, y, x, y, 0});
        auto& h = e->second;
        h = {std::min(h[0], x), std::min(h[1], y), std::max(h[2], x), std::max(h[3], y), h[4] + 1};
      }
    size_t matched = 0;
    for (const Json& d : s.det["instances"])
      for (const auto& [instance, h] : extent) {
        const std::vector<double> hull = {h[0] / 64.0, h[1] / 64.0, (h[2] + 1) / 64.0, (h[3] + 1) / 64.0};
        double far = 0;
        for (int k = 0; k < 4; ++k) far = std::max(far, std::abs(hull[k] - d["boxes"][k].get<double>()));
        const uint8_t label = s.semseg.pixels[static_cast<size_t>(
            std::find(s.instance.pixels.begin(), s.instance.pixels.end(), instance) - s.instance.pixels.begin())];
        if (instance > 0 && far < 1e-6 && class_name(static_cast<RoomClass>(label)) == d["class_name"]) {
          ++matched;
          break;
        }
      }
    EXPECT_EQ(matched, s.det["instances"].size());
    EXPECT_GT(matched, 0u);
  }
}

TEST_P(Rooms, EveryPixelIsSeenAndInstancesHaveOneClass) {
  const RoomMaker maker(options());
  for (uint64_t i = 0; i < 6; ++i) {
    const RoomSample s = maker.make(i);
    std::map<int, int> label_of;
    for (size_t p = 0; p < s.semseg.area(); ++p) {
      EXPECT_GT(s.depth_mm.pixels[p], 0) << "a hole at pixel " << p << " of sample " << i;
      const int instance = s.instance.pixels[p], label = s.semseg.pixels[p];
      if (instance == 0) {
        EXPECT_TRUE(label == kWall || label == kFloor || label == kCeiling);
      } else {
        EXPECT_EQ(label_of.try_emplace(instance, label).first->second, label);
      }
    }
  }
}

// Where depth is flat over a 3 x 3 patch of one room surface, the plane through it must have the stored normal.
TEST_P(Rooms, NormalsAgreeWithDepth) {
  RoomOptions o = options();
  o.size = 128;
  const RoomMaker maker(o);
  int compared = 0;
  for (uint64_t i = 0; i < 4; ++i) {
    const RoomSample s = maker.make(i);
    const double tangent = s.scene["camera"]["tangent"].get<double>();
    const auto point = [&](int x, int y) {
      const double z = *s.depth_mm.at(x, y);
      return Vec3{static_cast<float>((2 * (x + 0.5) / 128 - 1) * tangent * z),
                  static_cast<float>((1 - 2 * (y + 0.5) / 128) * tangent * z), static_cast<float>(-z)};
    };
    for (int y = 4; y < 124; y += 3)
      for (int x = 4; x < 124; x += 3) {
        bool same = true;
        for (int k = -4; k <= 4; ++k)
          for (int j = -4; j <= 4; ++j)
            same &= *s.instance.at(x + j, y + k) == 0 && *s.semseg.at(x + j, y + k) == kFloor &&
                    std::abs(s.normal.at(x + j, y + k)[0] - s.normal.at(x, y)[0]) == 0;
        if (!same) continue;
        const Vec3 n = normalised(cross(point(x + 4, y) - point(x - 4, y), point(x, y - 4) - point(x, y + 4)));
        const uint8_t* p = s.normal.at(x, y);
        const Vec3 stored = normalised({p[0] / 127.5f - 1, p[1] / 127.5f - 1, p[2] / 127.5f - 1});
        EXPECT_GT(dot(n, stored), 0.995f) << i << ": " << x << "," << y;
        ++compared;
      }
  }
  EXPECT_GT(compared, 100);
}

TEST_P(Rooms, CaptionsNameOnlyWhatIsVisible) {
  const RoomMaker maker(options());
  for (uint64_t i = 0; i < 15; ++i) {
    const RoomSample s = maker.make(i);
    ASSERT_EQ(s.captions.size(), 3u);
    std::set<std::string> seen;
    for (const Json& d : s.det["instances"]) seen.insert(d["class_name"].get<std::string>());
    std::string first;
    for (const std::string& caption : s.captions) {
      EXPECT_EQ(caption.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), std::string::npos);
      const std::string things = caption.substr(caption.find(" with ") + 1);
      size_t where = std::string::npos;
      for (int c = kChair; c < kRoomClasses; ++c) {
        std::string name(class_name(static_cast<RoomClass>(c)));
        if (name == "shelf" && things.find("shelves") != std::string::npos) name = "shelves";
        size_t at = things.find(" " + name);
        if (at == std::string::npos) continue;
        const std::string official(class_name(static_cast<RoomClass>(c)));
        EXPECT_TRUE(seen.count(official)) << caption << " names " << name;
        if (at < where) {
          where = at;
          first = official;
        }
      }
      if (s.scene["largest"] != "none") {
        EXPECT_EQ(s.scene["largest"], first) << caption;
      }
    }
    EXPECT_LE(s.captions[0].size(), s.captions[2].size());
  }
}

TEST_P(Rooms, PlacesInCaptionsAreRight) {
  const RoomMaker maker(options());
  for (uint64_t i = 0; i < 15; ++i) {
    const RoomSample s = maker.make(i);
    for (const auto& [words, low, high] : {std::tuple{" on the left", 0.0, 0.38}, {" on the right", 0.62, 1.0}}) {
      const size_t at = s.captions[2].find(words);
      if (at == std::string::npos) continue;
      bool found = false;
      for (const Json& d : s.det["instances"]) {
        const double x = (d["boxes"][0].get<double>() + d["boxes"][2].get<double>()) / 2;
        const std::string name = d["class_name"].get<std::string>();
        found |=
            at >= name.size() && s.captions[2].substr(at - name.size(), name.size()) == name && x >= low && x <= high;
      }
      EXPECT_TRUE(found) << s.captions[2];
    }
  }
}

TEST_P(Rooms, FurnitureNeverOverlaps) {
  const RoomOptions o = options();
  const Catalogue catalogue(o.catalogue);
  const Casting casting(catalogue, Split::kAll);
  for (uint64_t i = 0; i < 60; ++i) {
    Random random(3, {i});
    const Room room = make_room(catalogue, casting, random);
    for (size_t a = 0; a < room.things.size(); ++a) {
      const Box3& box = room.things[a].box;
      EXPECT_GE(box.low.y, -1e-4f);
      EXPECT_LE(box.high.y, room.size.y);
      EXPECT_GE(std::min(box.low.x, box.low.z), -2e-3f);
      EXPECT_LE(box.high.x, room.size.x + 2e-3f);
      EXPECT_LE(box.high.z, room.size.z + 2e-3f);
      for (size_t b = 0; b < a; ++b) {
        // A thing on another may dip below its highest point (a table's lamp beside its raised back), not into its top.
        const Box3& other = room.things[b].box;
        const bool on_top = box.low.y > other.low.y + 0.1f && room.things[b].model >= 0;
        if (!on_top) {
          EXPECT_FALSE(box.overlaps(other, 5e-3f)) << room.things[a].name << " in " << room.things[b].name;
        }
      }
    }
  }
}

TEST_P(Rooms, SplitsShareNeitherRoomsNorModels) {
  RoomOptions train = options(), val = options();
  val.split = Split::kVal;
  const RoomMaker a(train), b(val);
  std::set<size_t> seen_a, seen_b;
  for (uint64_t i = 0; i < 4; ++i) {
    const RoomSample s = a.make(i), t = b.make(i);
    EXPECT_NE(s.scene["size"], t.scene["size"]);
    seen_a.insert(s.models.begin(), s.models.end());
    seen_b.insert(t.models.begin(), t.models.end());
  }
  for (const size_t m : seen_a) EXPECT_EQ(seen_b.count(m), 0u) << a.catalogue().models()[m].id;
  std::map<RoomClass, std::set<Split>> splits;  // every class of three or more models is in every split
  std::map<RoomClass, int> members;
  for (const auto& m : a.catalogue().models()) {
    splits[m.semantic].insert(m.split);
    ++members[m.semantic];
  }
  for (const auto& [semantic, n] : members) EXPECT_EQ(splits[semantic].size(), n < 3 ? 1u : 3u) << class_name(semantic);
  val.furniture = Split::kTrain;
  const RoomMaker c(val);
  for (const size_t m : c.make(0).models) EXPECT_EQ(c.catalogue().models()[m].split, Split::kTrain);
}

std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  return files;
}

TEST_P(Rooms, SameSeedSameBytesWhateverThreadsAndCount) {
  const fs::path root = fs::path(testing::TempDir()) / ("rooms_" + std::to_string(GetParam()));
  fs::remove_all(root);
  write_rooms(RoomMaker(options()), 6, root / "one", 1, true);
  write_rooms(RoomMaker(options()), 6, root / "two", 2, true);
  write_rooms(RoomMaker(options()), 3, root / "few", 2, false);
  const auto one = files_of(root / "one"), two = files_of(root / "two"), few = files_of(root / "few");
  EXPECT_EQ(one.size(), 6u * 8 + 3);
  EXPECT_TRUE(one == two);
  for (const auto& [name, bytes] : few)
    if (name.find('/') != std::string::npos) {
      EXPECT_TRUE(bytes == one.at(name)) << name;
    }
  // Shards hold the same files.
  write_rooms(RoomMaker(options()), 6, root / "shards", 2, false, 4);
  size_t members = 0;
  for (const auto& [name, bytes] : files_of(root / "shards")) {
    if (!name.ends_with(".tar")) continue;
    for (const auto& member : list_tar(root / "shards" / name).members) {
      const std::string file = (fs::path(name).parent_path() / member.name).string();
      EXPECT_TRUE(bytes.substr(member.offset, member.size) == one.at(file)) << file;
      ++members;
    }
  }
  EXPECT_EQ(members, 6u * 8);
  fs::remove_all(root);
}

TEST(RoomClasses, HeadNouns) {
  EXPECT_EQ(class_of_name("Chair with cushion"), kChair);
  EXPECT_EQ(class_of_name("Table fan"), kOther);
  EXPECT_EQ(class_of_name("Sofa 2 seats"), kSofa);
  EXPECT_EQ(class_of_name("TV 16:9"), kTelevision);
  EXPECT_EQ(class_of_name("TV remote control"), kOther);
  EXPECT_EQ(class_of_name("Sink cabinet"), kCabinet);
  EXPECT_EQ(class_of_name("Coffee machine"), kOther);
  EXPECT_EQ(class_of_name("Clothes washing machine"), kWashingMachine);
  EXPECT_EQ(class_of_name(""), kOther);
  EXPECT_EQ(class_colours().size(), static_cast<size_t>(kRoomClasses));
}

TEST(Catalogue, BrokenFurnitureFilesAreNamed) {
  const fs::path folder = fs::path(testing::TempDir()) / "broken_furniture";
  write_file(folder / "a.sh3f", "PK not a zip");
  try {
    Catalogue catalogue(folder);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a.sh3f"), std::string::npos);
  }
  fs::remove_all(folder);
}

TEST(RoomOptions, BadOnesAreNamed) {
  RoomOptions o;
  o.catalogue = "/nonexistent";
  o.size = 0;
  EXPECT_THROW(RoomMaker{o}, Error);
  EXPECT_THROW(parse_split("dev"), UsageError);
  o.size = 64;
  EXPECT_THROW(write_rooms(RoomMaker(o), 0, "/tmp", 1, false), Error);
}

}  // namespace
}  // namespace fourm
