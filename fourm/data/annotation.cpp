#include "fourm/data/annotation.h"

#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/text/unicode.h"

namespace fourm {
namespace {

LabelledBox parse_box(const Json& instance, const std::string& where) {
  const auto c = json_get<std::vector<double>>(instance, "boxes", where);
  check(c.size() == 4, where, ": 'boxes' has ", counted(c.size(), "number"), ", expected 4");
  for (const double corner : c)
    check(corner >= 0 && corner <= 1, where, ": 'boxes' holds ", corner, ", expected 0 to 1");
  check(c[0] <= c[2] && c[1] <= c[3], where, ": the box ", c[0], ", ", c[1], ", ", c[2], ", ", c[3],
        " has its corners in the wrong order, expected xmin, ymin, xmax, ymax");
  LabelledBox box{c[0], c[1], c[2], c[3], json_get<std::string>(instance, "class_name", where), 1};
  check(!box.class_name.empty(), where, ": a box has an empty class_name");
  if (instance.contains("score")) box.score = json_get<double>(instance, "score", where);
  check(box.score >= 0 && box.score <= 1, where, ": the score ", box.score, " should be 0 to 1");
  return box;
}

}  // namespace

Annotation parse_annotation(const Json& json, const std::string& where) {
  Annotation annotation;
  if (json.is_object()) {
    annotation.boxes.emplace();
    const auto instances = json_get<Json>(json, "instances", where);
    check(instances.is_array(), where, ": 'instances' should be a list");
    for (const Json& instance : instances) annotation.boxes->push_back(parse_box(instance, where));
    if (json.contains("height")) annotation.height = json_get<double>(json, "height", where);
    if (json.contains("width")) annotation.width = json_get<double>(json, "width", where);
    return annotation;
  }
  if (json.is_string()) {
    annotation.texts = {json.get<std::string>()};
  } else {
    check(json.is_array(), where, ": expected a text, a list of texts or boxes");
    for (const Json& item : json) {
      check(item.is_string() || item.is_object(), where, ": expected texts, found ", item.type_name());
      annotation.texts.push_back(item.is_object() ? json_get<std::string>(item, "caption", where)
                                                  : item.get<std::string>());
    }
  }
  check(!annotation.texts.empty(), where, ": the list of texts is empty");
  for (const auto& text : annotation.texts) check(!trim(text).empty(), where, ": holds an empty text");
  return annotation;
}

Annotation decode_annotation(std::string_view bytes, const std::string& extension, const std::string& where) {
  check(extension == "txt" || extension == "json", where, ": expected a .txt or .json file of texts or boxes");
  if (extension == "json") return parse_annotation(parse_json(bytes, where), where);
  check(to_valid_utf8(bytes) == bytes, where, ": is not valid UTF-8; save it as UTF-8");
  return parse_annotation(Json(trim(bytes)), where);
}

std::vector<std::string> annotation_texts(const Annotation& annotation, const std::optional<CropView>& crop,
                                          int64_t bins, const std::string& where) {
  if (annotation.boxes) {
    check(bins > 1, where, ": holds boxes, but the text tokenizer has no coordinates v0=0, v0=1, ...");
    CropView view = crop.value_or(CropView{1, 1, 0, 0, 1, 1, false});
    if (crop && annotation.width > 0 && annotation.height > 0) {
      view.width = annotation.width;
      view.height = annotation.height;
    }
    Random unused(0);
    return {boxes_to_string(view_boxes(*annotation.boxes, view, {}, unused), bins)};
  }
  if (!crop || !crop->flip) return annotation.texts;
  std::vector<std::string> mirrored;
  for (const auto& text : annotation.texts) mirrored.push_back(mirror_words(text));
  return mirrored;
}

}  // namespace fourm
