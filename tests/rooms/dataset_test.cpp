#include "fourm/rooms/dataset.h"

#include <gtest/gtest.h>

#include "fourm/core/config.h"
#include "tests/support/files_of.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// Samples of other settings are never mixed with those that are there.
TEST(RoomFolder, HoldsOneRun) {
  const test::TemporaryFolder root;
  const fs::path out = root / "set";
  const auto make = [](int64_t count, uint64_t seed, int size, const fs::path& folder, int64_t shard_size = 0) {
    RoomOptions o;
    o.catalogue = "/nonexistent";
    o.size = size;
    o.seed = seed;
    write_rooms(RoomMaker(o), count, folder, 1, false, shard_size);
  };
  make(2, 1, 16, out);
  const auto before = test::files_of(out);
  const auto refused = [&](const std::string& word, int64_t count, uint64_t seed, int size, int64_t shard_size) {
    const std::string message = test::message_of([&] { make(count, seed, size, out, shard_size); });
    EXPECT_NE(message.find(word), std::string::npos) << message;
    EXPECT_TRUE(test::files_of(out) == before) << word;
  };
  refused("seed", 2, 2, 16, 0);
  refused("size", 2, 1, 32, 0);
  refused("shard_size", 2, 1, 16, 1);
  refused("more than 1", 1, 1, 16, 0);
  make(2, 1, 16, out);
  EXPECT_TRUE(test::files_of(out) == before);
  make(3, 1, 16, out);
  EXPECT_GT(test::files_of(out).size(), before.size());

  // A run that was stopped half way has no dataset.yaml.
  fs::rename(out / "dataset.yaml", out / ".unfinished.yaml");
  EXPECT_THROW(make(3, 2, 16, out), Error);
  make(3, 1, 16, out);
  EXPECT_TRUE(fs::exists(out / "dataset.yaml") && !fs::exists(out / ".unfinished.yaml"));
  fs::remove(out / "dataset.yaml");
  EXPECT_THROW(make(3, 1, 16, out), Error) << "files of unknown settings";
}

TEST(RoomFolder, DescriptionAndCreditsNameWhatIsThere) {
  const test::TemporaryFolder root;
  RoomOptions options;
  options.catalogue = "/nonexistent";
  options.size = 16;
  options.split = Split::kVal;
  const RoomMaker maker(options);
  const RoomsReport report = write_rooms(maker, 5, root / "set", 1, true);
  EXPECT_EQ(report.samples, 5);
  EXPECT_TRUE(report.solids);

  const YAML::Node description = read_yaml(root / "set/dataset.yaml");
  EXPECT_EQ(description["split"].as<std::string>(), "val");
  EXPECT_EQ(description["furniture"].as<std::string>(), "solids");
  ASSERT_EQ(description["semseg_classes"].size(), static_cast<size_t>(kRoomClasses));
  EXPECT_EQ(description["semseg_classes"][static_cast<int>(kSofa)]["name"].as<std::string>(), "sofa");

  const std::string credits = read_file(root / "set/CREDITS.txt");
  size_t named = 0;
  for (const FurnitureModel& model : maker.catalogue().models())
    named += credits.find(model.id + " | ") != std::string::npos;
  EXPECT_EQ(named, report.models);

  const Image sheet = read_image(root / "set/preview.png");
  EXPECT_EQ(sheet.width, 3 * 16);
  EXPECT_EQ(sheet.height, 2 * 16);
}

}  // namespace
}  // namespace fourm
