#include "fourm/coco/annotations.h"

#include <algorithm>
#include <set>

#include "fourm/coco/coco_json.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::vector<double> numbers(const Json& values, std::string_view key, const std::string& origin) {
  check(values.is_array(), origin, ": the key '", key, "' is no list of numbers");
  std::vector<double> out;
  for (const auto& value : values) out.push_back(number_of(value, key, origin));
  return out;
}

PixelBox box_of(const Json& object, const std::string& origin) {
  const std::vector<double> values = numbers(member(object, "bbox", origin), "bbox", origin);
  check(values.size() == 4, origin, ": 'bbox' has ", counted(static_cast<int64_t>(values.size()), "number"),
        ", expected x, y, width and height");
  return {values[0], values[1], values[2], values[3]};
}

RleMask run_lengths(const Json& value, const std::string& origin) {
  const std::vector<double> size = numbers(member(value, "size", origin), "size", origin);
  check(size.size() == 2, origin, ": 'size' is not height and width");
  const int64_t height = integer_of(value["size"][0], "size", origin),
                width = integer_of(value["size"][1], "size", origin);
  const Json& counts = member(value, "counts", origin);
  if (counts.is_string()) return RleMask::parse(height, width, counts.get_ref<const std::string&>());
  check(counts.is_array(), origin, ": 'counts' is neither a text nor a list of numbers");
  std::vector<uint32_t> lengths;
  for (const auto& count : counts) {
    const int64_t length = integer_of(count, "counts", origin);
    check(length >= 0 && length <= UINT32_MAX, origin, ": 'counts' holds ", length);
    lengths.push_back(static_cast<uint32_t>(length));
  }
  return RleMask::of_counts(height, width, std::move(lengths));
}

RleMask mask_of(const Json& value, const CocoTruth::Image& image, const std::string& origin) {
  try {
    if (value.is_object()) return run_lengths(value, origin);
    check(value.is_array() && !value.empty(), "expected polygons or run lengths");
    std::vector<RleMask> parts;
    for (const auto& part : value) {
      if (part.is_object()) {
        parts.push_back(run_lengths(part, origin));
        continue;
      }
      check(image.height > 0, "a polygon needs 'height' and 'width' of image ", text_of(image.id));
      parts.push_back(RleMask::of_polygon(image.height, image.width, numbers(part, "segmentation", origin)));
    }
    return RleMask::union_of(parts);
  } catch (const Error& error) {
    const std::string what = error.what();
    fail(what.starts_with(origin) ? what : concat(origin, ": 'segmentation': ", what));
  }
}

// Numbers the ids by their order. Error when some are numbers and some texts, which have no order.
std::map<CocoId, size_t> numbered(const std::set<CocoId>& ids, const std::string& file, std::string_view what) {
  check(ids.empty() || ids.begin()->index() == ids.rbegin()->index(), file, ": ids of ", what,
        " are numbers or texts, not both");
  std::map<CocoId, size_t> places;
  for (const auto& id : ids) places.emplace(id, places.size());
  return places;
}

// Text of a key, or nothing.
std::string text_member(const Json& object, const char* key, const std::string& origin) {
  const auto found = object.find(key);
  return found == object.end() ? "" : string_of(*found, key, origin);
}

void read_images(CocoTruth& truth, const Json& images, const std::string& file) {
  std::map<CocoId, CocoTruth::Image> by_id;
  std::set<CocoId> ids;
  for (size_t i = 0; i < images.size(); ++i) {
    const std::string origin = place_in(file, "images", i);
    CocoTruth::Image image;
    image.id = id_member(images[i], "id", origin);
    image.file_name = text_member(images[i], "file_name", origin);
    if (images[i].contains("height") && images[i].contains("width")) {
      image.height = integer_of(images[i]["height"], "height", origin);
      image.width = integer_of(images[i]["width"], "width", origin);
      check(image.height > 0 && image.width > 0, origin, ": 'height' and 'width' are not positive");
    }
    ids.insert(image.id);
    by_id[image.id] = image;
  }
  truth.image_places = numbered(ids, file, "images");
  for (auto& [id, image] : by_id) truth.images.push_back(std::move(image));
}

void read_categories(CocoTruth& truth, const Json& categories, const std::string& file) {
  std::map<CocoId, CocoTruth::Category> by_id;
  std::set<CocoId> ids;
  for (size_t i = 0; i < categories.size(); ++i) {
    const std::string origin = place_in(file, "categories", i);
    const CocoId id = id_member(categories[i], "id", origin);
    ids.insert(id);
    by_id[id] = {id, text_member(categories[i], "name", origin)};
  }
  truth.category_places = numbered(ids, file, "categories");
  for (auto& [id, category] : by_id) truth.categories.push_back(std::move(category));
}

void read_shape(CocoObject& object, const Json& annotation, const CocoTruth& truth, const std::string& origin) {
  if (truth.kind == CocoKind::kBoxes)
    object.box = box_of(annotation, origin);
  else
    object.mask = mask_of(member(annotation, "segmentation", origin), truth.images[object.image], origin);
}

// True without annotations too.
bool has_masks(const Json& annotations) {
  return annotations.empty() || std::any_of(annotations.begin(), annotations.end(), [](const Json& annotation) {
           return annotation.is_object() && annotation.contains("segmentation") && !annotation["segmentation"].empty();
         });
}

bool is_crowd(const Json& annotation, const std::string& origin) {
  const auto flag = annotation.find("iscrowd");
  if (flag == annotation.end()) return false;
  return flag->is_boolean() ? flag->get<bool>() : number_of(*flag, "iscrowd", origin) != 0;
}

}  // namespace

double area_of(const CocoObject& object, CocoKind kind) {
  return kind == CocoKind::kBoxes ? object.box[2] * object.box[3] : static_cast<double>(object.mask.area());
}

CocoKind parse_coco_kind(const std::string& name) {
  check(name == "bbox" || name == "segm", "the kind of objects is ", printable(name), ", expected bbox or segm");
  return name == "bbox" ? CocoKind::kBoxes : CocoKind::kMasks;
}

CocoTruth CocoTruth::read(const fs::path& file, std::optional<CocoKind> kind) {
  const std::string name = file.string();
  const Json json = read_json(file, uint64_t{1} << 31);
  CocoTruth truth;
  read_images(truth, list_member(json, "images", name), name);
  read_categories(truth, list_member(json, "categories", name), name);
  std::set<CocoId> annotations;
  int64_t unknown = 0;
  const Json& all = list_member(json, "annotations", name);
  truth.kind = kind ? *kind : has_masks(all) ? CocoKind::kMasks : CocoKind::kBoxes;
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string origin = place_in(name, "annotations", i);
    const CocoId id = id_member(all[i], "id", origin);
    check(annotations.insert(id).second, origin, ": the id ", text_of(id), " occurs twice");
    const auto image = truth.image_places.find(id_member(all[i], "image_id", origin));
    const auto category = truth.category_places.find(id_member(all[i], "category_id", origin));
    if (image == truth.image_places.end() || category == truth.category_places.end()) {
      ++unknown;
      continue;
    }
    CocoObject object;
    object.image = image->second;
    object.category = category->second;
    object.crowd = is_crowd(all[i], origin);
    object.never_found = id == CocoId(int64_t{0});
    read_shape(object, all[i], truth, origin);
    const auto area = all[i].find("area");
    object.area = area == all[i].end() ? area_of(object, truth.kind) : number_of(*area, "area", origin);
    if (object.never_found)
      warn(origin, ": the id is 0, which pycocotools takes for no match: what finds this object is counted as wrong");
    truth.objects.push_back(std::move(object));
  }
  if (unknown > 0)
    warn(name, ": ", counted(unknown, "annotation"), " of images or categories that it does not list, ignored");
  return truth;
}

std::vector<CocoObject> read_coco_predictions(const fs::path& file, const CocoTruth& truth) {
  const std::string name = file.string();
  const Json json = read_json(file, uint64_t{1} << 31);
  check(json.is_array(), name, ": expected a list of predictions");
  std::vector<CocoObject> objects;
  bool has_boxes = false;
  int64_t unknown = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string origin = place_in(name, "predictions", i);
    const Json& prediction = json[i];
    const CocoId id = id_member(prediction, "image_id", origin);
    const auto image = truth.image_places.find(id);
    check(image != truth.image_places.end(), origin, ": the image ", text_of(id), " is not in the ground truth");
    if (i == 0) has_boxes = prediction.contains("bbox") && prediction["bbox"] != Json::array();
    check(has_boxes || prediction.contains("segmentation"), origin, ": has no 'segmentation'",
          i == 0 ? " and no 'bbox'" : ", like the first prediction");
    CocoObject object;
    object.image = image->second;
    object.score = number_of(member(prediction, "score", origin), "score", origin);
    if (has_boxes) object.box = box_of(prediction, origin);
    if (!has_boxes || (truth.kind == CocoKind::kMasks && prediction.contains("segmentation")))
      object.mask = mask_of(prediction["segmentation"], truth.images[object.image], origin);
    else if (truth.kind == CocoKind::kMasks)
      object.mask = mask_of(Json{{object.box[0], object.box[1], object.box[0], object.box[1] + object.box[3],
                                  object.box[0] + object.box[2], object.box[1] + object.box[3],
                                  object.box[0] + object.box[2], object.box[1]}},
                            truth.images[object.image], origin);
    object.area = area_of(object, has_boxes ? CocoKind::kBoxes : CocoKind::kMasks);
    if (!has_boxes) object.box = prediction.contains("bbox") ? box_of(prediction, origin) : object.mask.bounding_box();
    const auto category = truth.category_places.find(id_member(prediction, "category_id", origin));
    if (category == truth.category_places.end()) {
      ++unknown;
      continue;
    }
    object.category = category->second;
    objects.push_back(std::move(object));
  }
  if (unknown > 0)
    warn(name, ": ", counted(unknown, "prediction"), " of categories that the ground truth does not list, ignored");
  return objects;
}

}  // namespace fourm
