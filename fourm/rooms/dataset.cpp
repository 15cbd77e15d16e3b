#include "fourm/rooms/dataset.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/io/tar.h"
#include "fourm/rooms/derived_maps.h"

namespace fourm {
namespace {

std::string number(int64_t i) {
  const std::string digits = std::to_string(i);
  return std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

// Folder -> ending and bytes.
using SampleFiles = std::map<std::string, std::pair<std::string, std::string>>;

SampleFiles encode_sample(const RoomSample& sample, bool with_derived_maps) {
  SampleFiles files{{"rgb", {".png", encode_png(sample.rgb)}},
                    {"depth", {".png", encode_png16(sample.depth_mm)}},
                    {"normal", {".png", encode_png(sample.normal)}},
                    {"semseg", {".png", encode_label_png(sample.semseg, class_colours())}},
                    {"instance", {".png", encode_png16(sample.instance)}},
                    {"det", {".json", sample.det.dump() + "\n"}},
                    {"caption", {".json", Json(sample.captions).dump() + "\n"}},
                    {"scene", {".json", sample.scene.dump() + "\n"}}};
  if (!with_derived_maps) return files;
  const DerivedMaps maps = derive_maps(sample);
  files["edge_texture"] = {".png", encode_png(maps.edge_texture)};
  files["edge_occlusion"] = {".png", encode_png(maps.edge_occlusion)};
  files["principal_curvature"] = {".png", encode_png(maps.principal_curvature)};
  files["reshading"] = {".png", encode_png(maps.reshading)};
  files["keypoints2d"] = {".png", encode_png(maps.keypoints2d)};
  files["keypoints3d"] = {".png", encode_png(maps.keypoints3d)};
  return files;
}

// Into folders, or a shard of each folder.
void write_samples(const std::vector<std::pair<std::string, SampleFiles>>& samples, const fs::path& out,
                   const std::string& shard) {
  for (const auto& [folder, unused] : samples[0].second) {
    const auto each = [&, &folder = folder](const auto& use) {
      for (const auto& [name, files] : samples) use(name + files.at(folder).first, files.at(folder).second);
    };
    if (shard.empty())
      each([&, &folder = folder](const auto& file, const auto& bytes) { write_file(out / folder / file, bytes); });
    else
      write_tar(out / folder / shard,
                [&](TarWriter& tar) { each([&](const auto& file, const auto& bytes) { tar.add(file, bytes); }); });
  }
}

std::string description(const RoomMaker& maker, int64_t count, int64_t shard_size) {
  const RoomOptions& o = maker.options();
  std::string text =
      concat("name: rooms\nseed: ", o.seed, "\nsplit: ", split_name(o.split),
             "\nfurniture: ", maker.catalogue().only_solids() ? "solids" : split_name(o.furniture.value_or(o.split)),
             o.solids && !maker.catalogue().only_solids() ? " and solids" : "", "\ncount: ", count, "\nsize: ", o.size,
             "\nshard_size: ", shard_size, "\nderived_maps: ", o.derived_maps ? "true" : "false",
             "\ndepth: {unit: mm}\nsemseg_classes:\n");
  for (int c = 0; c < kRoomClasses; ++c) {
    const Colour& k = class_colours()[c];
    text += concat("  - {id: ", c, ", name: ", class_name(static_cast<RoomClass>(c)), ", colour: [", int{k[0]}, ", ",
                   int{k[1]}, ", ", int{k[2]}, "]}\n");
  }
  return text;
}

// Refuses a folder with samples of other settings or with more samples. An unfinished run leaves `unfinished`, a finished
// one dataset.yaml.
void check_folder(const fs::path& out, const fs::path& unfinished, const std::string& settings, int64_t count) {
  const fs::path record = fs::exists(unfinished) ? unfinished : out / "dataset.yaml";
  if (!fs::exists(record)) {
    for (const char* folder : {"rgb", "depth", "normal", "semseg", "instance", "det", "caption", "scene"})
      check(!fs::exists(out / folder) || fs::is_empty(out / folder), (out / folder).string(),
            ": holds files already, and no dataset.yaml says of which settings; choose another folder");
    return;
  }
  const YAML::Node before = read_yaml(record), now = parse_yaml(settings, "the settings");
  const auto text = [](const YAML::Node& node) {
    return node && node.IsScalar() ? node.Scalar() : std::string("none");
  };
  for (const std::string key : {"name", "seed", "split", "furniture", "size", "shard_size", "derived_maps"}) {
    if (!before[key] && (key == "shard_size" || key == "derived_maps")) continue;  // of an older version
    check(text(before[key]) == text(now[key]), record.string(), ": the samples there have the ", key, " ",
          printable(text(before[key])), ", not ", text(now[key]), "; remove the folder or choose another one");
  }
  check(before["count"].as<int64_t>(0) <= count, record.string(), ": ", text(before["count"]),
        " samples are there, more than ", count, "; remove the folder or choose another one");
}

std::string credits(const Catalogue& catalogue, const std::set<size_t>& used) {
  std::string text =
      "The furniture in these images. Models of the package sweethome3d-furniture were scaled, placed, lit and "
      "partly\n"
      "recoloured.\n\nmodel | name | creator | licence\n";
  for (const size_t i : used) {
    const auto& m = catalogue.models()[i];
    text += concat(m.id, " | ", m.name, " | ", m.creator.empty() ? "unknown" : m.creator, " | ", m.licence, "\n");
  }
  return text;
}

}  // namespace

RoomOptions RoomSetOptions::room_options() const {
  check_fields(*this, "the options");
  RoomOptions options;
  options.size = size;
  options.seed = seed;
  options.split = parse_split(split);
  if (!furniture.empty()) options.furniture = parse_split(furniture);
  options.solids = solids;
  options.derived_maps = derived_maps;
  return options;
}

RoomsReport write_rooms(const RoomMaker& maker, int64_t count, const fs::path& out, int threads, bool preview,
                        int64_t shard_size) {
  check(count > 0 && count <= 100'000'000, "[write_rooms] the count must be 1 to 100000000, got ", count);
  check(shard_size >= 0, "[write_rooms] the size of a shard must be 0 (folders) or more, got ", shard_size);
  const int64_t shown = preview ? std::min<int64_t>(count, 64) : 0;
  const int columns = shown >= 64 ? 8 : std::max(1, static_cast<int>(std::ceil(std::sqrt(static_cast<double>(shown)))));
  const int rows = static_cast<int>((shown + columns - 1) / columns), size = maker.options().size;
  Image sheet(shown ? columns * size : 0, rows * size, 3, 255);

  const std::string settings = description(maker, count, shard_size);
  const fs::path unfinished = out / ".unfinished.yaml";
  check_folder(out, unfinished, settings, count);
  write_file(unfinished, settings);

  std::set<size_t> used;
  std::mutex mutex;
  std::atomic<int64_t> done = 0;
  Progress progress("rooms", count);
  const int64_t part = std::max<int64_t>(shard_size, 1);  // samples that a thread makes before it writes
  parallel_for((count + part - 1) / part,
               [&](int64_t k) {
                 std::vector<std::pair<std::string, SampleFiles>> samples;
                 for (int64_t i = k * part; i < std::min((k + 1) * part, count); ++i) {
                   const RoomSample sample = maker.make(static_cast<uint64_t>(i));
                   samples.emplace_back(number(i), encode_sample(sample, maker.options().derived_maps));
                   const std::lock_guard lock(mutex);
                   used.insert(sample.models.begin(), sample.models.end());
                   if (i < shown)
                     for (int y = 0; y < size; ++y)
                       std::copy_n(
                           sample.rgb.at(0, y), 3 * static_cast<size_t>(size),
                           sheet.at(static_cast<int>(i % columns) * size, static_cast<int>(i / columns) * size + y));
                   progress.update(++done);
                 }
                 write_samples(samples, out, shard_size > 0 ? shard_name(k) : "");
               },
               threads);
  if (shown) write_png(out / "preview.png", sheet);
  write_file(out / "dataset.yaml", settings);
  write_file(out / "CREDITS.txt", credits(maker.catalogue(), used));
  fs::remove(unfinished);
  return {count, used.size(), maker.catalogue().only_solids()};
}

}  // namespace fourm
