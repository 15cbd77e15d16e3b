// The random sets of pycocotools_values.py, number for number.
#pragma once

#include "fourm/coco/rle_mask.h"
#include "fourm/core/json.h"

namespace fourm {

class SharedRandom {
 public:
  explicit SharedRandom(uint64_t seed) : state_(seed) {}
  int64_t below(int64_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state_ >> 33) % static_cast<uint64_t>(n));
  }
  /// From low to below high in steps of a quarter.
  double quarter(int64_t low, int64_t high) {
    return static_cast<double>(low) + static_cast<double>(below(4 * (high - low))) / 4;
  }

 private:
  uint64_t state_;
};

inline std::vector<double> random_polygon(SharedRandom& random, const PixelBox& box, int64_t corners) {
  std::vector<double> polygon;
  for (int64_t i = 0; i < corners; ++i)
    for (const size_t axis : {0u, 1u})
      polygon.push_back(box[axis] + box[axis + 2] * static_cast<double>(random.below(65)) / 64);
  return polygon;
}

/// The run lengths of the whole pixels in a box.
inline Json rectangle_runs(const PixelBox& box, int64_t height, int64_t width) {
  const auto first = [](double v) { return std::max<int64_t>(0, static_cast<int64_t>(v)); };
  const int64_t left = first(box[0]), top = first(box[1]);
  const int64_t right = std::min(width, static_cast<int64_t>(box[0] + box[2]) + 1),
                bottom = std::min(height, static_cast<int64_t>(box[1] + box[3]) + 1);
  Json counts = Json::array();
  int64_t outside = left * height, sum = 0;
  for (int64_t x = left; x < right && bottom > top; ++x) {
    counts.push_back(outside + top);
    counts.push_back(bottom - top);
    sum += outside + bottom;
    outside = height - bottom;
  }
  counts.push_back(height * width - sum);
  return {{"size", {height, width}}, {"counts", counts}};
}

struct RandomSet {
  Json truth, boxes = Json::array(), masks = Json::array();

  explicit RandomSet(uint64_t seed) : random_(seed), categories_(1 + random_.below(4)) {
    truth = {{"images", Json::array()}, {"annotations", Json::array()}, {"categories", Json::array()}};
    for (int64_t i = 0; i <= categories_; ++i) truth["categories"].push_back({{"id", i + 1}, {"name", "any"}});
    const int64_t images = 1 + random_.below(6);
    for (int64_t i = 0; i < images; ++i) add_image(i);
  }

 private:
  struct Object {
    int64_t category;
    PixelBox box;
  };

  std::vector<Object> objects(int64_t height, int64_t width, int64_t n) {
    std::vector<Object> all;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t limit = std::array{20, 60, 250}[static_cast<size_t>(random_.below(3))];
      Object object{1 + random_.below(categories_), {}};
      object.box[0] = random_.quarter(-4, width);
      object.box[1] = random_.quarter(-4, height);
      for (const size_t side : {2u, 3u}) object.box[side] = random_.quarter(1, limit);
      all.push_back(object);
    }
    return all;
  }

  // A prediction near an object.
  Object moved(const Object& found) {
    Object prediction{random_.below(8) ? found.category : 1 + random_.below(categories_), found.box};
    for (const size_t axis : {0u, 1u})
      prediction.box[axis] += found.box[axis + 2] * static_cast<double>(random_.below(9) - 4) / 32;
    for (const size_t side : {2u, 3u}) prediction.box[side] *= static_cast<double>(28 + random_.below(9)) / 32;
    return prediction;
  }

  Json shape(const PixelBox& box, int64_t height, int64_t width) {
    const int64_t kind = random_.below(4);
    if (kind == 0) return {random_polygon(random_, box, 3 + random_.below(5))};
    if (kind > 1) return rectangle_runs(box, height, width);
    Json parts = Json::array();
    parts.push_back(random_polygon(random_, box, 3 + random_.below(3)));
    parts.push_back(random_polygon(random_, box, 4));
    return parts;
  }

  // Compressed.
  Json predicted_shape(const PixelBox& box, int64_t height, int64_t width) {
    RleMask mask;
    if (random_.below(3) == 0)
      mask = RleMask::of_polygon(height, width, random_polygon(random_, box, 4));
    else
      mask =
          RleMask::of_counts(height, width, rectangle_runs(box, height, width)["counts"].get<std::vector<uint32_t>>());
    return {{"size", {height, width}}, {"counts", mask.text()}};
  }

  void add_image(int64_t i) {
    const int64_t id = 100 - 7 * i, height = 60 + random_.below(200), width = 60 + random_.below(200);
    truth["images"].push_back({{"id", id}, {"height", height}, {"width", width}});
    const std::vector<Object> known = objects(height, width, random_.below(6));
    std::vector<Object> predictions;
    for (const auto& object : known)
      for (int64_t n = random_.below(3); n > 0; --n) predictions.push_back(moved(object));
    const int64_t more = random_.below(40) == 0 ? 130 : random_.below(4) + (i == 0);
    for (const auto& object : objects(height, width, more)) predictions.push_back(object);
    for (const auto& [category, box] : known) {
      Json annotation{
          {"id", truth["annotations"].size() + 1}, {"image_id", id}, {"category_id", category}, {"bbox", box}};
      annotation["segmentation"] = shape(box, height, width);
      annotation["iscrowd"] = random_.below(7) == 0 ? 1 : 0;
      annotation["area"] = box[2] * box[3] * static_cast<double>(1 + random_.below(4)) / 4;
      truth["annotations"].push_back(annotation);
    }
    for (const auto& [category, box] : predictions) {
      Json prediction{{"image_id", id}, {"category_id", category}};
      prediction["score"] = static_cast<double>(random_.below(16)) / 16;
      boxes.push_back(prediction);
      boxes.back()["bbox"] = box;
      masks.push_back(prediction);
      masks.back()["segmentation"] = predicted_shape(box, height, width);
    }
  }

  SharedRandom random_;
  int64_t categories_;
};

}  // namespace fourm
