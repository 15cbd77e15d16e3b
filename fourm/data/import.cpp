#include "fourm/data/import.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "fourm/coco/coco_json.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/data_facts.h"
#include "fourm/io/image.h"
#include "fourm/io/image_file.h"
#include "fourm/io/npy.h"
#include "fourm/modality/depth.h"
#include "fourm/modality/transform.h"

namespace fourm {
namespace {

constexpr uint8_t kNoClass = 255;

std::string file_name_in(const Json& object, const std::string& origin) {
  return string_of(member(object, "file_name", origin), "file_name", origin);
}

// The labels of a map by COCO's annotation of it. A colour is the number R + 256 G + 65536 B of a segment, 0 none.
Raster<uint8_t> panoptic_labels(const fs::path& map, const Json& annotation,
                                const std::map<int64_t, uint8_t>& labels_of_categories, const std::string& origin) {
  std::map<int64_t, uint8_t> labels{{0, kNoClass}};
  for (const Json& segment : list_member(annotation, "segments_info", origin)) {
    const int64_t category = integer_of(member(segment, "category_id", origin), "category_id", origin);
    const auto found = labels_of_categories.find(category);
    check(found != labels_of_categories.end(), origin, ": the category ", category, " is not among 'categories'");
    labels[integer_of(member(segment, "id", origin), "id", origin)] = found->second;
  }
  const Image colours = read_image(map);
  Raster<uint8_t> out(colours.width, colours.height, 1);
  for (size_t i = 0; i < out.pixels.size(); ++i) {
    const uint8_t* c = &colours.pixels[3 * i];
    const int64_t segment = c[0] + 256 * c[1] + 65536 * c[2];
    const auto found = labels.find(segment);
    check(found != labels.end(), map.string(), ": has the segment ", segment, ", which ", origin, " does not list");
    out.pixels[i] = found->second;
  }
  return out;
}

// An image of DIODE.
struct Scan {
  std::string name;
  fs::path image, depth, mask, normal;
};

std::vector<Scan> list_scans(const fs::path& path, const fs::path& normals) {
  std::map<std::string, fs::path> normal_files;
  for (const fs::path& file : list_files_below(normals, {".npy"}))
    if (file.stem().string().ends_with("_normal")) {
      const auto [other, is_new] = normal_files.try_emplace(file.stem().string(), file);
      check(is_new, file.string(), " and ", other->second.string(),
            " have the same name; import their folders one by one");
    }
  std::vector<Scan> scans;
  std::map<std::string, fs::path> images;
  for (const fs::path& image : list_files_below(path, {".png"})) {
    const std::string name = image.stem().string();
    const auto [other, is_new] = images.try_emplace(name, image);
    check(is_new, image.string(), " and ", other->second.string(),
          " have the same name; import their folders one by one");
    const auto beside = [&](const char* ending) {
      const fs::path file = image.parent_path() / (name + ending);
      check(fs::exists(file), file.string(), ": no such file, which the image ", image.string(), " needs (DIODE)");
      return file;
    };
    const auto normal = normal_files.find(name + "_normal");
    check(normal != normal_files.end(), normals.string(), ": holds no file ", name, "_normal.npy for the image ",
          image.string(), "; the normals of DIODE are an archive of their own (--normals)");
    scans.push_back({name, image, beside("_depth.npy"), beside("_depth_mask.npy"), normal->second});
  }
  check(!scans.empty(), path.string(), ": holds no image NAME.png with NAME_depth.npy (DIODE)");
  return scans;
}

// [height, width, channels], or [height, width] of one channel.
Raster<float> read_map(const fs::path& file, int channels) {
  const NpyArray array = read_npy(file);
  std::vector<int64_t> shape = array.shape;
  if (channels == 1 && shape.size() == 2) shape.push_back(1);
  check(shape.size() == 3 && shape[2] == channels && shape[0] > 0 && shape[1] > 0 &&
            static_cast<uint64_t>(array.count()) <= kMaxImagePixels,
        file.string(), ": is not an array [height, width, ", channels, "]");
  Raster<float> map(static_cast<int>(shape[1]), static_cast<int>(shape[0]), channels);
  map.pixels = npy_floats(array);
  return map;
}

// Metres, 0 where the mask is.
Raster<float> known_depth(const Scan& scan) {
  Raster<float> depth = read_map(scan.depth, 1);
  const Raster<float> mask = read_map(scan.mask, 1);
  check(mask.width == depth.width && mask.height == depth.height, scan.mask.string(), ": is of another size than ",
        scan.depth.string());
  for (size_t i = 0; i < depth.pixels.size(); ++i) {
    float& metres = depth.pixels[i];
    if (!(mask.pixels[i] > 0) || !std::isfinite(metres) || metres < 0) metres = 0;
  }
  return depth;
}

using Signs = std::array<double, 3>;

// How well the axes of normals fit the depth, each above 0 where its sign is x right, y up, z toward the viewer. A surface whose
// depth grows to the right looks to the right, one whose depth grows downwards looks down, and all look toward the viewer.
Signs axis_evidence(const Raster<float>& depth, const Raster<float>& normals) {
  constexpr double kJump = 0.1;  // between surfaces
  Signs evidence{};
  const auto slope = [&](int x, int y, int dx, int dy) {
    const float near = *depth.at(x, y), far = *depth.at(x + dx, y + dy);
    const double growth = near > 0 && far > 0 ? std::log(far / near) : 0;
    return std::abs(growth) < kJump ? growth : 0;
  };
  for (int y = 0; y + 1 < depth.height; ++y)
    for (int x = 0; x + 1 < depth.width; ++x) {
      const float* n = normals.at(x, y);
      evidence[0] += n[0] * slope(x, y, 1, 0);
      evidence[1] -= n[1] * slope(x, y, 0, 1);
      evidence[2] += n[2];
    }
  return evidence;
}

Raster<float> read_normals(const Scan& scan, const Raster<float>& depth) {
  Raster<float> normals = read_map(scan.normal, 3);
  check(normals.width == depth.width && normals.height == depth.height, scan.normal.string(),
        ": is of another size than ", scan.depth.string());
  for (float& value : normals.pixels)
    if (!std::isfinite(value)) value = 0;
  return normals;
}

// By some of the images.
Signs axis_signs(const std::vector<Scan>& scans) {
  constexpr size_t kLooked = 24;
  Signs evidence{};
  const size_t count = std::min(kLooked, scans.size());
  for (size_t i = 0; i < count; ++i) {
    const Scan& scan = scans[i * scans.size() / count];
    const Raster<float> depth = known_depth(scan);
    const Signs own = axis_evidence(depth, read_normals(scan, depth));
    for (size_t a = 0; a < 3; ++a) evidence[a] += own[a];
  }
  Signs signs{};
  std::string turned;
  for (size_t a = 0; a < 3; ++a) {
    check(evidence[a] != 0, scans[0].normal.parent_path().string(), ": the depth does not say where the axis ",
          "xyz"[a], " of the normals points to");
    signs[a] = evidence[a] > 0 ? 1 : -1;
    if (signs[a] < 0) turned += concat(turned.empty() ? "" : ", ", "xyz"[a]);
  }
  if (!turned.empty()) note("axes of the normals that are turned, so that they fit the depth: ", turned);
  return signs;
}

Image normal_image(const Raster<float>& normals, const Signs& signs) {
  Image image(normals.width, normals.height, 3);
  for (size_t i = 0; i < normals.area(); ++i) {
    const float* n = &normals.pixels[3 * i];
    const double length = std::sqrt(double{n[0]} * n[0] + double{n[1]} * n[1] + double{n[2]} * n[2]);
    for (size_t a = 0; a < 3 && length > 0.5; ++a)
      image.pixels[3 * i + a] = static_cast<uint8_t>(std::lround((signs[a] * n[a] / length + 1) / 2 * 255));
  }
  return image;
}

}  // namespace

int64_t import_coco_panoptic(const fs::path& images, const fs::path& annotations, const fs::path& out) {
  const std::string origin = annotations.string();
  const Json json = read_json(annotations, uint64_t{1} << 31);
  std::map<int64_t, std::string> names;  // of categories, by id
  for (const Json& category : list_member(json, "categories", origin))
    names[integer_of(member(category, "id", origin), "id", origin)] =
        string_of(member(category, "name", origin), "name", origin);
  check(!names.empty() && names.size() <= kNoClass, origin, ": has ", names.size(), " categories, expected 1 to 255");
  std::map<int64_t, uint8_t> labels;
  std::vector<std::string> classes;
  for (const auto& [id, name] : names) {
    labels[id] = static_cast<uint8_t>(classes.size());
    classes.push_back(name);
  }
  std::map<int64_t, std::string> files;  // of images, by id
  for (const Json& image : list_member(json, "images", origin))
    files[integer_of(member(image, "id", origin), "id", origin)] = file_name_in(image, origin);
  const Json& all = list_member(json, "annotations", origin);
  check(!all.empty(), origin, ": has no annotations");
  const fs::path maps = fs::path(annotations).replace_extension();
  std::map<std::string, std::string> stems;  // of the images
  for (const auto& [id, file] : files) {
    const auto [other, is_new] = stems.try_emplace(fs::path(file).stem().string(), file);
    check(is_new, origin, ": the images ", printable(other->second), " and ", printable(file), " have the same name");
  }
  parallel_for(static_cast<int64_t>(all.size()), [&](int64_t i) {
    const std::string place = place_in(origin, "annotations", static_cast<size_t>(i));
    const Json& annotation = all[static_cast<size_t>(i)];
    const auto file = files.find(integer_of(member(annotation, "image_id", place), "image_id", place));
    check(file != files.end(), place, ": its image is not among 'images'");
    const Raster<uint8_t> map = panoptic_labels(maps / file_name_in(annotation, place), annotation, labels, place);
    const std::string bytes = read_file(images / file->second);
    check(decode_image_size(bytes, (images / file->second).string()) == ImageSize{map.width, map.height},
          (images / file->second).string(), ": is of another size than its map");
    write_file(out / "rgb" / fs::path(file->second).filename(), bytes);
    write_label_png(out / "semseg" / (fs::path(file->second).stem().string() + ".png"), map, label_palette());
  });
  write_class_names(out, classes);
  return static_cast<int64_t>(all.size());
}

int64_t import_diode(const fs::path& path, const fs::path& normals, const fs::path& out) {
  const std::vector<Scan> scans = list_scans(path, normals);
  const Signs signs = axis_signs(scans);
  parallel_for(static_cast<int64_t>(scans.size()), [&](int64_t i) {
    const Scan& scan = scans[static_cast<size_t>(i)];
    const Raster<float> depth = known_depth(scan);
    write_file(out / "rgb" / (scan.name + ".png"), read_file(scan.image));
    write_file(out / "depth" / (scan.name + ".npy"), encode_depth_npy(depth));
    write_png(out / "normal" / (scan.name + ".png"), normal_image(read_normals(scan, depth), signs));
  });
  return static_cast<int64_t>(scans.size());
}

}  // namespace fourm
