// Small labelled sets in the layouts that fine-tuning reads. The labels can be learned: class c of `classes` has images whose
// mean colour says so, the label of a pixel and its depth follow from its colour too.
#pragma once

#include <cmath>

#include "fourm/coco/rle_mask.h"
#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "fourm/io/image.h"

namespace fourm::test {

inline constexpr int kLabelledWidth = 40, kLabelledHeight = 36;

/// Noise about the colour of a class.
inline Image class_image(int label, int number) {
  Random random(11, {static_cast<uint64_t>(label), static_cast<uint64_t>(number)});
  Image image(kLabelledWidth, kLabelledHeight, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const bool bright = static_cast<int>(i % 3) == label % 3;
    image.pixels[i] = static_cast<uint8_t>((bright ? 190 : 60) + random.below(40));
  }
  return image;
}

/// PATH/CLASS/NAME.png as ImageNet has them.
inline void write_class_folders(const fs::path& root, int classes, int each, int first = 0) {
  for (int c = 0; c < classes; ++c)
    for (int i = 0; i < each; ++i) {
      const fs::path folder = root / ("n0000" + std::to_string(c));
      make_folder(folder);
      write_png(folder / ("image_" + std::to_string(first + i) + ".png"), class_image(c, first + i));
    }
}

/// An image whose left and right part have the colours of two classes, with its labels (`shift`: added to them).
inline std::pair<Image, Raster<uint8_t>> two_class_image(int left, int right, int number, int shift) {
  const Image a = class_image(left, number), b = class_image(right, number + 1000);
  const int edge =
      kLabelledWidth / 4 + static_cast<int>(Random(3, {static_cast<uint64_t>(number)}).below(kLabelledWidth / 2));
  Image image = a;
  Raster<uint8_t> labels(kLabelledWidth, kLabelledHeight, 1, static_cast<uint8_t>(left + shift));
  for (int y = 0; y < kLabelledHeight; ++y)
    for (int x = edge; x < kLabelledWidth; ++x) {
      std::copy_n(b.at(x, y), 3, image.at(x, y));
      *labels.at(x, y) = static_cast<uint8_t>(right + shift);
    }
  return {image, labels};
}

/// PATH/images/SPLIT/ and PATH/annotations/SPLIT/ as ADE20K has them: label 0 is none.
inline void write_ade20k(const fs::path& root, const std::string& split, int count) {
  make_folder(root / "images" / split);
  make_folder(root / "annotations" / split);
  for (int i = 0; i < count; ++i) {
    auto [image, labels] = two_class_image(i % 3, (i + 1) % 3, i, 1);
    std::fill_n(labels.pixels.begin(), kLabelledWidth, uint8_t{0});
    const std::string name = "ADE_" + split + "_" + std::to_string(i) + ".png";
    write_png(root / "images" / split / name, image);
    write_png(root / "annotations" / split / name, labels);
  }
}

/// Depth in millimetres: 1 m plus a metre for each class.
inline Raster<uint16_t> depth_of(const Raster<uint8_t>& labels) {
  Raster<uint16_t> depth(labels.width, labels.height, 1);
  for (size_t i = 0; i < labels.pixels.size(); ++i)
    depth.pixels[i] = i % 17 == 0 ? 0 : static_cast<uint16_t>(1000 + 1000 * labels.pixels[i]);
  return depth;
}

/// PATH/SCENE/rgb_00000.png and sync_depth_00000.png as NYUv2's folders have them.
inline void write_nyu(const fs::path& root, int count) {
  for (int i = 0; i < count; ++i) {
    const auto [image, labels] = two_class_image(i % 3, (i + 1) % 3, i, 0);
    const fs::path folder = root / ("kitchen_" + std::to_string(i % 2));
    make_folder(folder);
    const std::string number = "0000" + std::to_string(i);
    write_png(folder / ("rgb_" + number + ".png"), image);
    write_png16(folder / ("sync_depth_" + number + ".png"), depth_of(labels));
  }
}

/// A data set as `fourm rooms` writes it: rgb, semseg, depth, det, scene and dataset.yaml.
inline void write_labelled_rooms(const fs::path& root, int count) {
  for (const char* folder : {"rgb", "semseg", "depth", "det", "scene"}) make_folder(root / folder);
  write_file(root / "dataset.yaml",
             "semseg_classes:\n  - {id: 0, name: wall}\n  - {id: 1, name: chair}\n"
             "  - {id: 2, name: table}\ndepth: {unit: mm}\n");
  const char* rooms[] = {"kitchen", "office", "bedroom"};
  for (int i = 0; i < count; ++i) {
    const auto [image, labels] = two_class_image(i % 3, i % 3, i, 0);
    const std::string name = "00000" + std::to_string(i);
    write_png(root / "rgb" / (name + ".png"), image);
    write_label_png(root / "semseg" / (name + ".png"), labels, std::vector<Colour>(3));
    write_png16(root / "depth" / (name + ".png"), depth_of(labels));
    write_file(root / "det" / (name + ".json"),
               R"({"instances": [{"boxes": [0.1, 0.2, 0.5, 0.75], "class_name": "chair", "score": 1}]})");
    write_json(root / "scene" / (name + ".json"), {{"room", rooms[i % 3]}, {"largest", "chair"}});
  }
}

inline constexpr int kShapesSide = 64;

/// The corners of a shape about a centre: a square, a triangle or a disc of as many corners.
inline std::vector<double> shape_corners(int kind, double x, double y, double radius) {
  const int n = kind == 0 ? 4 : kind == 1 ? 3 : 24;
  std::vector<double> corners;
  for (int i = 0; i < n; ++i) {
    const double angle = 2 * M_PI * i / n + (kind == 0 ? M_PI / 4 : -M_PI / 2);
    corners.push_back(x + radius * std::cos(angle));
    corners.push_back(y + radius * std::sin(angle));
  }
  return corners;
}

/// An image of one or two shapes (none where `number` is a multiple of 8), each kind in a colour of its own, with COCO's annotations.
inline Image shapes_image(int number, Json& annotations) {
  Random random(21, {static_cast<uint64_t>(number)});
  Image image(kShapesSide, kShapesSide, 3);
  for (auto& value : image.pixels) value = static_cast<uint8_t>(40 + random.below(40));
  const int64_t count = number % 8 == 0 ? 0 : 1 + number % 2;
  for (int64_t k = 0; k < count; ++k) {
    const int kind = static_cast<int>(random.below(3));
    const double radius = random.uniform(8, 14), x = random.uniform(14, 18) + 32.0 * k, y = random.uniform(14, 50);
    const std::vector<double> corners = shape_corners(kind, x, y, radius);
    const RleMask mask = RleMask::of_polygon(kShapesSide, kShapesSide, corners);
    const std::vector<uint8_t> inside = mask.pixels();
    for (size_t i = 0; i < inside.size(); ++i)
      if (inside[i]) image.pixels[3 * i + kind] = static_cast<uint8_t>(190 + random.below(40));
    // Polygons, and run lengths as text.
    Json outline = Json::array({corners});
    if (kind == 1) outline = Json{{"size", {mask.height, mask.width}}, {"counts", mask.text()}};
    annotations.push_back({{"id", 10 * number + k + 1},
                           {"image_id", number},
                           {"category_id", 2 * kind + 1},
                           {"bbox", mask.bounding_box()},
                           {"area", mask.area()},
                           {"segmentation", outline},
                           {"iscrowd", 0}});
  }
  return image;
}

/// PATH/SPLIT/ and PATH/annotations/instances_SPLIT.json as COCO has them: images `first` to `first` + `count` - 1.
inline void write_coco(const fs::path& root, const std::string& split, int count, int first = 1) {
  make_folder(root / split);
  make_folder(root / "annotations");
  Json images = Json::array(), annotations = Json::array(), categories = Json::array();
  for (const char* name : {"square", "triangle", "disc"})
    categories.push_back({{"id", 2 * categories.size() + 1}, {"name", name}});
  for (int i = first; i < first + count; ++i) {
    const std::string number = std::to_string(i), name = std::string(12 - number.size(), '0') + number + ".png";
    write_png(root / split / name, shapes_image(i, annotations));
    images.push_back({{"id", i}, {"file_name", name}, {"width", kShapesSide}, {"height", kShapesSide}});
  }
  write_json(root / "annotations" / ("instances_" + split + ".json"),
             {{"images", images}, {"annotations", annotations}, {"categories", categories}});
}

}  // namespace fourm::test
