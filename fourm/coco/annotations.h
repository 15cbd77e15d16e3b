// COCO's files of annotations and of predictions (cocodataset.org), read as pycocotools reads them.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "fourm/coco/rle_mask.h"

namespace fourm {

/// Integers or texts, of one kind in a file.
using CocoId = std::variant<int64_t, std::string>;

enum class CocoKind { kBoxes, kMasks };
/// "bbox" or "segm".
CocoKind parse_coco_kind(const std::string& name);

/// An object in the ground truth, or one that was predicted.
struct CocoObject {
  size_t image = 0, category = 0;  ///< places in CocoTruth
  PixelBox box{};                  ///< for boxes
  RleMask mask;                    ///< for masks
  double area = 0;
  double score = 1;          ///< of a prediction
  bool crowd = false;        ///< of the ground truth
  bool never_found = false;  ///< ground truth of id 0, which pycocotools takes for no match
};

/// In pixels: width times height of the box, or the pixels of the mask.
double area_of(const CocoObject& object, CocoKind kind);

struct CocoTruth {
  struct Image {
    CocoId id;
    int64_t height = 0, width = 0;  ///< 0: not known
    std::string file_name;          ///< empty: not known
  };
  struct Category {
    CocoId id;
    std::string name;  ///< empty: not known
  };
  CocoKind kind = CocoKind::kBoxes;
  std::vector<Image> images;                 ///< by id
  std::map<CocoId, size_t> image_places;     ///< in `images`
  std::vector<Category> categories;          ///< by id
  std::map<CocoId, size_t> category_places;  ///< in `categories`
  std::vector<CocoObject> objects;           ///< in the order of the file

  /// "images", "annotations" and "categories". An annotation has "id", "image_id", "category_id" and "bbox" or "segmentation":
  /// polygons or RLE masks, compressed or not; "iscrowd" is 0 and "area" that of the box or mask where they are missing.
  /// Annotations of images or categories that the file does not list are ignored, with a warning. Without `kind`: boxes where
  /// every "segmentation" is missing or empty, else masks.
  static CocoTruth read(const std::filesystem::path& file, std::optional<CocoKind> kind);
};

/// A list of {"image_id", "category_id", "score", and "bbox", "segmentation" or both}. As in pycocotools the first prediction
/// decides: where it has a box, all need one, whose area is that of the object, and masks that are missing are the boxes;
/// otherwise all need a mask, whose area counts. Predictions of categories that the truth does not list are ignored. Error
/// on an image that it does not list.
std::vector<CocoObject> read_coco_predictions(const std::filesystem::path& file, const CocoTruth& truth);

}  // namespace fourm
