// A small valid data set of every modality: `count` samples of 24 x 20 pixels, three crops each.
#pragma once

#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "fourm/data/crop.h"
#include "fourm/io/image.h"

namespace fourm::test {

inline Image noise(int width, int height, uint64_t seed) {
  Random random(seed);
  Image image(width, height, 3);
  for (auto& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
  return image;
}

/// Normals that point at the viewer, tilted a little to the left.
inline Image normals(int width, int height) {
  Image image(width, height, 3);
  for (size_t i = 0; i < image.area(); ++i) {
    image.pixels[3 * i] = 50;
    image.pixels[3 * i + 1] = 128;
    image.pixels[3 * i + 2] = 229;
  }
  return image;
}

inline std::string sample_name(int i) { return "room" + std::to_string(i); }

inline void write_data_folder(const fs::path& root, int count) {
  constexpr int kWidth = 24, kHeight = 20;
  write_file(root / "dataset.yaml",
             "semseg_classes:\n  - {id: 0, name: wall}\n  - {id: 1, name: chair}\n  - {id: 2, name: table}\n");
  write_file(root / "modalities.yaml", "modalities:\n  tok_rgb@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n");
  for (int i = 0; i < count; ++i) {
    const std::string name = sample_name(i);
    Raster<uint16_t> depth(kWidth, kHeight, 1, 2000), instance(kWidth, kHeight, 1, 1);
    Raster<uint8_t> labels(kWidth, kHeight, 1, static_cast<uint8_t>(i % 3));
    make_folder(root / "rgb");
    write_png(root / "rgb" / (name + ".png"), noise(kWidth, kHeight, i));
    write_file(root / "depth" / (name + ".png"), encode_png16(depth));
    write_file(root / "instance" / (name + ".png"), encode_png16(instance));
    write_file(root / "normal" / (name + ".png"), encode_png(normals(kWidth, kHeight)));
    write_file(root / "semseg" / (name + ".png"), encode_label_png(labels, std::vector<Colour>(3)));
    write_file(root / "caption" / (name + ".json"), R"(["a chair on the left", "a room"])");
    write_file(root / "det" / (name + ".json"),
               R"({"instances": [{"boxes": [0.1, 0.2, 0.5, 0.75], "class_name": "chair", "score": 0.9}]})");
    const auto views = draw_views(kWidth, kHeight, 3, {}, Random(5, {static_cast<uint64_t>(i)}));
    write_file(root / "crop_settings" / (name + ".npy"), encode_npy(encode_crop_settings(views)));
    write_file(root / "tok_rgb@32" / (name + ".npy"),
               encode_npy(npy_from_integers(std::vector<int64_t>(48, i % 16), {3, 16}, "i2")));
  }
}

}  // namespace fourm::test
