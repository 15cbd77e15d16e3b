// Whole samples: alignment, descriptions, reproducibility.
#include "fourm/rooms/rooms.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "fourm/core/strings.h"
#include "fourm/io/tar.h"
#include "fourm/rooms/dataset.h"
#include "tests/support/files_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// With the furniture package where it is installed, always with solids, and with both.
class Rooms : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() != "Solids" && !fs::exists(kFurnitureFolder))
      GTEST_SKIP() << "sweethome3d-furniture is not installed";
  }
  RoomOptions options() const {
    RoomOptions o;
    o.size = 64;
    o.seed = 11;
    o.catalogue = GetParam() == "Solids" ? "/nonexistent" : kFurnitureFolder;
    o.solids = GetParam() == "Both";
    return o;
  }
};
INSTANTIATE_TEST_SUITE_P(Furniture, Rooms, testing::Values("Package", "Solids", "Both"),
                         [](const auto& p) { return p.param; });

// The pixels of one instance.
struct Seen {
  RoomClass semantic = kOther;
  int pixels = 0, x0 = 1 << 30, y0 = 1 << 30, x1 = -1, y1 = -1;
};

// Instances large enough for captions and boxes.
std::map<int, Seen> seen_in(const RoomSample& s) {
  std::map<int, Seen> all;
  for (int y = 0; y < s.instance.height; ++y)
    for (int x = 0; x < s.instance.width; ++x) {
      Seen& e = all[*s.instance.at(x, y)];
      e = {static_cast<RoomClass>(*s.semseg.at(x, y)),
           e.pixels + 1,
           std::min(e.x0, x),
           std::min(e.y0, y),
           std::max(e.x1, x),
           std::max(e.y1, y)};
    }
  all.erase(0);
  std::erase_if(all, [&](const auto& e) { return e.second.pixels < static_cast<int>(s.instance.area()) / 250; });
  return all;
}

TEST_P(Rooms, BoxesAreTightHullsOfTheirPixels) {
  const RoomMaker maker(options());
  for (uint64_t i = 0; i < 20; ++i) {
    const RoomSample s = maker.make(i);
    std::multiset<std::pair<std::string, std::vector<double>>> hulls, boxes;
    const auto thousandths = [](double v) { return std::round(1000 * v); };
    for (const auto& [instance, e] : seen_in(s))
      if (e.semantic != kOther)
        hulls.emplace(class_name(e.semantic),
                      std::vector{thousandths(e.x0 / 64.0), thousandths(e.y0 / 64.0), thousandths((e.x1 + 1) / 64.0),
                                  thousandths((e.y1 + 1) / 64.0)});
    for (const Json& d : s.det["instances"]) {
      std::vector<double> corners = d["boxes"];
      std::transform(corners.begin(), corners.end(), corners.begin(), thousandths);
      boxes.emplace(d["class_name"].get<std::string>(), corners);
    }
    EXPECT_EQ(boxes, hulls) << "sample " << i;
    EXPECT_FALSE(boxes.empty());
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

// Where one instance is flat over 9 x 9 pixels (one normal, and depth as on a plane), the plane through its depths must
// have the stored normal: floor, walls and ceiling everywhere, furniture but for models that bring crooked normals.
TEST_P(Rooms, NormalsAgreeWithDepth) {
  RoomOptions o = options();
  o.size = 128;
  const RoomMaker maker(o);
  std::map<bool, int> compared, wrong;  // by whether it is furniture
  for (uint64_t i = 0; i < 12; ++i) {
    const RoomSample s = maker.make(i);
    const double tangent = s.scene["camera"]["tangent"].get<double>();
    const auto point = [&](int x, int y) {
      const double z = *s.depth_mm.at(x, y);
      return Vec3{static_cast<float>((2 * (x + 0.5) / 128 - 1) * tangent * z),
                  static_cast<float>((1 - 2 * (y + 0.5) / 128) * tangent * z), static_cast<float>(-z)};
    };
    const auto flat = [&](int x, int y) {
      for (int k = -4; k <= 4; ++k)
        for (int j = -4; j <= 4; ++j)
          if (*s.instance.at(x + j, y + k) != *s.instance.at(x, y) ||
              *s.semseg.at(x + j, y + k) != *s.semseg.at(x, y) ||
              !std::equal(s.normal.at(x, y), s.normal.at(x, y) + 3, s.normal.at(x + j, y + k)))
            return false;
      // On a plane the inverse of depth is linear over the image.
      const double z = *s.depth_mm.at(x, y);
      for (const auto& [dx, dy] : {std::pair{4, 0}, {0, 4}, {2, 0}, {0, 2}, {4, 4}, {4, -4}})
        if (std::abs(z * z / *s.depth_mm.at(x + dx, y + dy) + z * z / *s.depth_mm.at(x - dx, y - dy) - 2 * z) > 2)
          return false;
      return true;
    };
    for (int y = 4; y < 124; y += 3)
      for (int x = 4; x < 124; x += 3) {
        if (!flat(x, y)) continue;
        const Vec3 n = normalised(cross(point(x + 4, y) - point(x - 4, y), point(x, y - 4) - point(x, y + 4)));
        const uint8_t* p = s.normal.at(x, y);
        const Vec3 stored = normalised({p[0] / 127.5f - 1, p[1] / 127.5f - 1, p[2] / 127.5f - 1});
        const bool furniture = *s.instance.at(x, y) > 0;
        ++compared[furniture];
        wrong[furniture] += dot(n, stored) < 0.995f;
      }
  }
  EXPECT_GT(compared[false], 1000);
  EXPECT_GT(compared[true], 100);
  EXPECT_EQ(wrong[false], 0);
  EXPECT_LE(wrong[true], compared[true] / 100) << "of " << compared[true];
}

// One item of a caption: "two wooden chairs", "a large red sofa on the left".
struct Item {
  std::string count, appearance, place;
  bool large = false;
  RoomClass semantic = kOther;
};

Item parse_item(std::string words) {
  Item item;
  for (const char* place : {" on the left", " in the middle", " on the right"})
    if (words.ends_with(place)) {
      item.place = place;
      words.resize(words.size() - item.place.size());
    }
  item.count = words.substr(0, words.find(' '));
  words.erase(0, item.count.size());
  if (item.count == "an") item.count = "a";
  std::string noun;
  for (int c = 0; c < kRoomClasses; ++c) {
    const std::string one(class_name(static_cast<RoomClass>(c)));
    const std::string forms[] = {one, one == "shelf" ? "shelves" : one + (one.ends_with("h") ? "es" : "s")};
    const std::string name = " " + forms[item.count != "a"];
    if (words.ends_with(name) && name.size() > noun.size()) {
      noun = name;
      item.semantic = static_cast<RoomClass>(c);
    }
  }
  EXPECT_FALSE(noun.empty()) << words;
  words.resize(words.size() - noun.size());
  item.large = words.starts_with(" large");
  item.appearance = trim(item.large ? words.substr(6) : words);
  return item;
}

// Each caption is taken apart; every word of it must be true of the pixels.
TEST_P(Rooms, CaptionsSayOnlyWhatIsThereAndWhere) {
  const RoomMaker maker(options());
  std::map<std::string, int> places;
  int lists = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    const RoomSample s = maker.make(i);
    ASSERT_EQ(s.captions.size(), 3u);
    std::map<RoomClass, std::vector<int>> members;  // instances of each kind of furniture
    const auto seen = seen_in(s);
    for (const auto& [instance, e] : seen)
      if (is_furniture(e.semantic)) members[e.semantic].push_back(instance);
    std::map<int, std::string> appearances;
    for (const Json& instance : s.scene["things"]) appearances[instance["instance"]] = instance["look"];

    const auto surface = [&](const char* name) {
      const std::string kind = s.scene[name]["kind"];
      return kind == "wooden" || kind == "tiled" ? kind : s.scene[name]["colour"].get<std::string>();
    };
    const std::string room = s.scene["room"],
                      end = ", " + surface("floor") + " floor and " + surface("walls") + " walls";
    for (size_t k = 0; k < 3; ++k) {
      const std::string& caption = s.captions[k];
      SCOPED_TRACE(caption);
      const std::string start = (room == "office" ? "an " : "a ") + room + " with ";
      if (members.empty()) {
        EXPECT_EQ(caption.find(" with "), std::string::npos);
        continue;
      }
      ASSERT_TRUE(caption.starts_with(start));
      std::string list = caption.substr(start.size());
      if (k == 2) {
        ASSERT_TRUE(list.ends_with(end));
        list.resize(list.size() - end.size());
      }
      if (const size_t last = list.rfind(" and "); last != std::string::npos) list.replace(last, 5, ",");
      const auto items = split(list, ',');
      EXPECT_EQ(items.size(), std::min(members.size(), k + 1));
      std::set<RoomClass> named;
      for (const auto& words : items) {
        const Item item = parse_item(trim(words));
        SCOPED_TRACE(words);
        ASSERT_TRUE(members.contains(item.semantic)) << "it is not there";
        EXPECT_TRUE(named.insert(item.semantic).second) << "named twice";
        const auto& group = members[item.semantic];
        const char* counts[] = {"", "a", "two", "three", "four"};
        EXPECT_EQ(item.count, group.size() < 5 ? counts[group.size()] : "several");
        for (const int instance : group)
          if (!item.appearance.empty()) {
            EXPECT_EQ(item.appearance, appearances[instance]);
          }
        const Seen& one = seen.at(group[0]);
        const bool alone = group.size() == 1;
        EXPECT_EQ(item.large, k == 2 && alone && one.pixels > 0.15 * 64 * 64);
        const double x = (one.x0 + one.x1 + 1) / 128.0;
        const char* place = x < 0.38 ? " on the left" : x > 0.62 ? " on the right" : " in the middle";
        EXPECT_EQ(item.place, k == 2 && alone ? place : "");
        ++places[item.place];
      }
      ++lists;
      const auto largest = std::max_element(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
        return std::pair(is_furniture(a.second.semantic), a.second.pixels) <
               std::pair(is_furniture(b.second.semantic), b.second.pixels);
      });
      EXPECT_EQ(s.scene["largest"], class_name(largest->second.semantic));
      EXPECT_TRUE(named.contains(largest->second.semantic)) << "the largest is named first";
    }
  }
  EXPECT_GT(lists, 100);
  EXPECT_EQ(places.size(), 4u) << "all places occur, and none";
}

// A good view: two pieces of furniture at least, none of which fills the image; no object close to the camera; neither
// dark, nor white, nor of one tone.
bool is_dull(const RoomSample& s) {
  const double all = static_cast<double>(s.semseg.area());
  int pieces = 0, furniture = 0, largest = 0;
  for (const auto& [instance, e] : seen_in(s))
    if (is_furniture(e.semantic)) {
      ++pieces;
      furniture += e.pixels;
      largest = std::max(largest, e.pixels);
    }
  const auto near = std::count_if(s.depth_mm.pixels.begin(), s.depth_mm.pixels.end(), [](int mm) { return mm < 500; });
  double sum = 0, squares = 0;
  for (const uint8_t v : s.rgb.pixels) {
    sum += v;
    squares += v * v;
  }
  const double mean = sum / (3 * all), deviation = std::sqrt(squares / (3 * all) - mean * mean);
  return pieces < 2 || furniture < 0.1 * all || largest > 0.65 * all || static_cast<double>(near) > 0.1 * all ||
         mean < 60 || mean > 225 || deviation < 15;
}

TEST_P(Rooms, AtMostThreeViewsInAHundredAreDull) {
  const RoomMaker maker(options());
  int dull = 0;
  for (uint64_t i = 0; i < 200; ++i) dull += is_dull(maker.make(i));
  EXPECT_LE(dull, 6);
}

TEST_P(Rooms, FurnitureNeverOverlaps) {
  const RoomOptions o = options();
  const Catalogue catalogue(o.catalogue, o.solids);
  const PartModels part_models(catalogue, Split::kAll);
  for (uint64_t i = 0; i < 60; ++i) {
    Random random(3, {i});
    const Room room = make_room(catalogue, part_models, random);
    for (size_t a = 0; a < room.instances.size(); ++a) {
      const Box3& box = room.instances[a].box;
      EXPECT_GE(box.low.y, -1e-4f);
      EXPECT_LE(box.high.y, room.size.y);
      EXPECT_GE(std::min(box.low.x, box.low.z), -2e-3f);
      EXPECT_LE(box.high.x, room.size.x + 2e-3f);
      EXPECT_LE(box.high.z, room.size.z + 2e-3f);
      for (size_t b = 0; b < a; ++b) {
        // A instance on another may dip below its highest point (a table's lamp beside its raised back), not into its top.
        const Box3& other = room.instances[b].box;
        const bool on_top = box.low.y > other.low.y + 0.1f && room.instances[b].model >= 0;
        if (!on_top) {
          EXPECT_FALSE(box.overlaps(other, 5e-3f)) << room.instances[a].name << " in " << room.instances[b].name;
        }
      }
    }
  }
}

// On the floor, at a wall, under the ceiling, or on a surface of something lower: of twenty-five places under its base
// one touches.
TEST_P(Rooms, NothingFloats) {
  const Catalogue catalogue(options().catalogue, options().solids);
  const PartModels part_models(catalogue, Split::kAll);
  int instances = 0, on_others = 0, floating = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    Random random(3, {i});
    const Room room = make_room(catalogue, part_models, random);
    for (const ObjectInstance& instance : room.instances) {
      ++instances;
      const auto& [low, high] = instance.box;
      if (low.y < 0.02f || room.size.y - high.y < 0.03f ||
          std::min({low.x, low.z, room.size.x - high.x, room.size.z - high.z}) < 0.03f)
        continue;
      ++on_others;
      std::vector<SceneObject> below;
      for (const auto& object : room.objects)
        if (object.instance > 0 && room.instances[object.instance - 1].box.low.y < low.y - 0.05f)
          below.push_back(object);
      bool rests = false;
      for (int k = 0; k < 25 && !rests; ++k) {
        constexpr float kAbove = 0.5f;
        const Vec3 eye = low + Vec3{(k % 5 + 0.5f) / 5, 0, (k / 5 + 0.5f) / 5} * (high - low) + Vec3{0, kAbove, 0};
        const View view(below, Camera::look(eye, eye + Vec3{5e-4f, -1, 0}, 1e-3f));
        const Hit hit = view.trace(1, 1, Layer::kAll)[0];
        rests = hit && std::abs(1 / hit.inverse_depth - kAbove) < 0.01f;
      }
      floating += !rests;
    }
  }
  EXPECT_GT(on_others, 30);
  EXPECT_EQ(floating, 0) << "of " << instances;
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

TEST_P(Rooms, SameSeedSameBytesWhateverThreadsAndCount) {
  const test::TemporaryFolder root;
  write_rooms(RoomMaker(options()), 6, root / "one", 1, true);
  write_rooms(RoomMaker(options()), 6, root / "two", 2, true);
  write_rooms(RoomMaker(options()), 3, root / "few", 2, false);
  const auto one = test::files_of(root / "one"), two = test::files_of(root / "two"), few = test::files_of(root / "few");
  EXPECT_EQ(one.size(), 6u * 8 + 3);
  EXPECT_TRUE(one == two);
  for (const auto& [name, bytes] : few)
    if (name.find('/') != std::string::npos) {
      EXPECT_TRUE(bytes == one.at(name)) << name;
    }
  // Shards hold the same files.
  write_rooms(RoomMaker(options()), 6, root / "shards", 2, false, 4);
  size_t members = 0;
  for (const auto& [name, bytes] : test::files_of(root / "shards")) {
    if (!name.ends_with(".tar")) continue;
    for (const auto& member : list_tar(root / "shards" / name).members) {
      const std::string file = (fs::path(name).parent_path() / member.name).string();
      EXPECT_TRUE(bytes.substr(member.offset, member.size) == one.at(file)) << file;
      ++members;
    }
  }
  EXPECT_EQ(members, 6u * 8);
}

TEST(RoomOptions, BadOnesAreNamed) {
  RoomOptions o;
  o.catalogue = "/nonexistent";
  o.size = 0;
  EXPECT_THROW(RoomMaker{o}, Error);
  o.size = 64;
  EXPECT_THROW(write_rooms(RoomMaker(o), 0, "/tmp", 1, false), Error);
}

}  // namespace
}  // namespace fourm
