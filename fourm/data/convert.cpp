#include "fourm/data/convert.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/member_name.h"
#include "fourm/data/token_set.h"
#include "fourm/data/token_shards.h"
#include "fourm/io/image.h"
#include "fourm/io/tar.h"
#include "fourm/modality/depth.h"

namespace fourm {
namespace {

constexpr uint8_t kOpaque = 128;  // the least alpha of a pixel that belongs to the object

// The unit that is stated for the depth files of the set; nothing where none is. Error when files have different ones,
// since the copy states one for all.
std::optional<double> unit_of_depth(const Source& source) {
  const DepthUnits units;
  std::optional<std::pair<std::optional<double>, std::string>> first;  // and a file that has it
  std::set<fs::path> folders;
  for (int64_t i = 0; i < source.size(); ++i) {
    if (!source.has(i, "depth")) continue;
    const std::string file = source.file(i, "depth");
    if (!folders.insert(fs::path(file).parent_path()).second) continue;
    const auto unit = units.of(file);
    check(!first || unit == first->first, file, ": states another unit of depth than ",
          first ? first->second : std::string(), "; convert the two parts apart");
    first = {unit, file};
  }
  return first ? first->first : std::nullopt;
}

// What describes the set as a whole goes along.
void copy_descriptions(const Source& source, const fs::path& out) {
  make_folder(out);
  for (const char* name : {"dataset.yaml", "modalities.yaml", "CREDITS.txt"})
    if (const fs::path file = source.root() / name; fs::is_regular_file(file)) write_file(out / name, read_file(file));
  const fs::path description = out / "dataset.yaml";
  // The unit of depth may be stated in a folder above or below that of the set.
  if (const auto unit = unit_of_depth(source); unit && DepthUnits().of(out / "depth") != unit) {
    YAML::Node stated = fs::exists(description) ? read_yaml(description) : YAML::Node(YAML::NodeType::Map);
    stated["depth"]["unit"] = *unit;
    write_file(description, yaml_text(stated));
  }
  if (!has_whole_image_texts(source)) return;
  // The copy has no made_from.json, which is about the shards of `fourm tokenize`.
  std::string text = fs::exists(description) ? read_file(description) : "";
  if (!text.empty() && text.back() != '\n') text += '\n';
  if (text.empty() || !read_yaml(description)["texts"].IsDefined())
    write_file(description, text + "texts: whole_image\n");
}

Source open_for(const std::string& path, const fs::path& out) {
  Source source = Source::open(path);
  check_apart(source.root(), out);
  check_finished(source);
  return source;
}

}  // namespace

int64_t convert_to_folders(const std::string& path, const fs::path& out) {
  const Source source = open_for(path, out);
  copy_descriptions(source, out);
  parallel_for(source.size(), [&](int64_t i) {
    for (const auto& modality : source.modalities())
      if (source.has(i, modality))
        write_file(out / modality / (source.name(i) + "." + source.extension(i, modality)), source.read(i, modality));
  });
  return source.size();
}

int64_t convert_to_shards(const std::string& path, const fs::path& out, int64_t shard_size) {
  check(shard_size > 0, "shard_size should be at least 1");
  const Source source = open_for(path, out);
  for (int64_t i = 0; i < source.size(); ++i) check_shard_key(source.name(i), path);
  copy_descriptions(source, out);
  const int64_t shards = (source.size() + shard_size - 1) / shard_size;
  parallel_for(shards, [&](int64_t shard) {
    for (const auto& modality : source.modalities()) {
      std::vector<int64_t> samples;
      for (int64_t i = shard * shard_size; i < std::min((shard + 1) * shard_size, source.size()); ++i)
        if (source.has(i, modality)) samples.push_back(i);
      if (samples.empty()) continue;
      write_tar(out / modality / shard_name(shard), [&](TarWriter& tar) {
        for (const int64_t i : samples)
          tar.add(source.name(i) + "." + source.extension(i, modality), source.read(i, modality));
      });
    }
  });
  return source.size();
}

namespace {

// Whether an image of the set has a transparent pixel.
bool has_transparency(const Source& source) {
  std::atomic<bool> found = false;
  parallel_for(source.size(), [&](int64_t i) {
    if (found || !source.has(i, "rgb")) return;
    const Image image = decode_image_rgba(source.read(i, "rgb"), source.origin(i, "rgb"));
    for (size_t p = 3; p < image.pixels.size() && !found; p += 4)
      if (image.pixels[p] < kOpaque) found = true;
  });
  return found;
}

}  // namespace

int64_t label_by_transparency(const fs::path& path) {
  const Source source = Source::open(path.string());
  check(source.has("rgb"), path.string(), ": has no rgb/ with images to label");
  check(!source.in_archives(), path.string(),
        ": holds shards; `fourm data convert` makes folders, which can be labelled");
  check(has_transparency(source), path.string(),
        ": no image of rgb/ has transparent pixels, so there is nothing to make masks and boxes from");
  std::atomic<int64_t> labelled = 0;
  parallel_for(source.size(), [&](int64_t i) {
    const bool has_mask = source.has(i, "mask"), has_boxes = source.has(i, "det");
    if (!source.has(i, "rgb") || (has_mask && has_boxes)) return;
    ++labelled;
    const Image image = decode_image_rgba(source.read(i, "rgb"), source.origin(i, "rgb"));
    Image mask(image.width, image.height, 1);
    int left = image.width, top = image.height, right = -1, bottom = -1;
    bool opaque = true;
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) {
        if (image.at(x, y)[3] < kOpaque) {
          opaque = false;
          continue;
        }
        *mask.at(x, y) = 255;
        left = std::min(left, x), right = std::max(right, x);
        top = std::min(top, y), bottom = std::max(bottom, y);
      }
    Json boxes = Json::array();
    if (!opaque && right >= 0) {
      const std::string folder = fs::path(source.name(i)).parent_path().filename().string();
      const double w = image.width, h = image.height;
      boxes.push_back({{"boxes", {left / w, top / h, (right + 1) / w, (bottom + 1) / h}},
                       {"class_name", folder.empty() ? "object" : folder},
                       {"score", 1}});
    }
    if (!has_mask) write_file(path / "mask" / (source.name(i) + ".png"), encode_png(mask));
    if (!has_boxes)
      write_file(path / "det" / (source.name(i) + ".json"),
                 json_text({{"instances", boxes}, {"height", image.height}, {"width", image.width}}) + "\n");
  });
  return labelled;
}

}  // namespace fourm
