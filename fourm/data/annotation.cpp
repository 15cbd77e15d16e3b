#include "fourm/data/annotation.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/modality/modality_name.h"
#include "fourm/text/coordinates.h"
#include "fourm/text/unicode.h"

namespace fourm {
namespace {

constexpr double kRounding = 1e-3;  // how far outside 0..1 a corner may lie and is clipped

// As many digits as the number needs to differ from its neighbours: 1.0000001, not 1.
std::string exact(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

// `value` clipped to 0..1; Error when it lies outside by more than rounding explains.
double unit(double value, const char* what, const std::string& where) {
  check(value >= -kRounding && value <= 1 + kRounding, where, ": ", what, " holds ", exact(value), ", expected 0 to 1");
  return std::clamp(value, 0.0, 1.0);
}

LabelledBox parse_box(const Json& instance, const std::string& where) {
  const auto c = json_get<std::vector<double>>(instance, "boxes", where);
  check(c.size() == 4, where, ": 'boxes' has ", counted(c.size(), "number"), ", expected 4");
  LabelledBox box;
  const std::array<double*, 4> corners{&box.xmin, &box.ymin, &box.xmax, &box.ymax};
  for (size_t k = 0; k < 4; ++k) *corners[k] = unit(c[k], "'boxes'", where);
  check(box.xmin <= box.xmax && box.ymin <= box.ymax, where, ": the box ", exact(c[0]), ", ", exact(c[1]), ", ",
        exact(c[2]), ", ", exact(c[3]), " has its corners in the wrong order, expected xmin, ymin, xmax, ymax");
  box.class_name = json_get<std::string>(instance, "class_name", where);
  check(!box.class_name.empty(), where, ": a box has an empty class_name");
  if (instance.contains("score")) box.score = unit(json_get<double>(instance, "score", where), "'score'", where);
  return box;
}

void read_size(const Json& json, Annotation& annotation, const std::string& where) {
  for (auto [key, value] : {std::pair{"height", &annotation.height}, {"width", &annotation.width}}) {
    if (!json.contains(key)) continue;
    *value = json_get<double>(json, key, where);
    check(*value >= 0 && *value <= 1 << 24 && *value == std::floor(*value), where, ": '", key, "' is ", exact(*value),
          ", expected a whole number of pixels");
  }
}

// {"caption": ...} or {"text": ...}: the value; null when it is neither.
const Json* caption_of(const Json& object) {
  for (const char* key : {"caption", "text"})
    if (const auto found = object.find(key); found != object.end()) return &*found;
  return nullptr;
}

void add_texts(const Json& json, std::vector<std::string>& texts, bool in_list, const std::string& where) {
  if (json.is_string()) {
    texts.push_back(json.get<std::string>());
    check(!trim(texts.back()).empty(), where, ": holds an empty text");
  } else if (json.is_object()) {
    const Json* caption = caption_of(json);
    check(caption, where, ": expected a text, found an object without the key 'caption' or 'text'");
    check(!caption->is_object(), where, ": expected a text under 'caption' or 'text', found an object");
    add_texts(*caption, texts, in_list, where);
  } else {
    check(!in_list && json.is_array(), where, ": expected ", in_list ? "texts" : "a text, a list of texts or boxes",
          ", found ", json.type_name());
    check(!json.empty(), where, ": the list of texts is empty");
    for (const Json& item : json) add_texts(item, texts, true, where);
  }
}

Metadata parse_metadata(const Json& json, const std::string& where) {
  check(json.is_object(), where, ": expected metadata as an object of numbers, found ", json.type_name());
  Metadata metadata;
  for (const auto& name : metadata_names()) {
    const auto found = json.find(name);
    if (found == json.end() || found->is_null()) continue;
    metadata.emplace_back(name, json_get<double>(json, name, where));
  }
  check(!metadata.empty(), where, ": holds none of the metadata that are known (", join(metadata_names(), ", "), ")");
  metadata_to_chunks(metadata);  // refuses numbers that are not finite
  return metadata;
}

std::vector<std::vector<PaletteColour>> parse_palettes(const Json& json, const std::string& where) {
  const Json& table = json.is_array() && !json.empty() ? json[0] : json;
  check(table.is_object() && !table.empty(), where, ": expected palettes as [{\"1\": [[r, g, b]], \"2\": ...}], found ",
        table.type_name());
  std::vector<std::vector<PaletteColour>> palettes;
  for (const auto& [count, value] : table.items()) {
    const auto colours = json_get<std::vector<std::vector<double>>>(table, count, where);
    int64_t most = 0;  // an image of few colours has fewer than its key says
    const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), most);
    check(error == std::errc() && end == count.data() + count.size() && !colours.empty() &&
              static_cast<int64_t>(colours.size()) <= most,
          where, ": the palette ", printable(count), " has ", counted(static_cast<int64_t>(colours.size()), "colour"));
    palettes.emplace_back();
    for (const auto& colour : colours) {
      check(colour.size() == 3, where, ": a colour has ", colour.size(), " numbers, expected 3");
      for (const double channel : colour)
        check(channel >= 0 && channel <= 255, where, ": a colour holds ", exact(channel), ", expected 0 to 255");
      palettes.back().push_back({colour[0], colour[1], colour[2]});
    }
  }
  return palettes;
}

// All numbers in nested lists, in order.
void flatten(const Json& json, std::vector<double>& numbers, const std::string& where) {
  if (json.is_array())
    for (const Json& item : json) flatten(item, numbers, where);
  else {
    check(json.is_number(), where, ": expected numbers, found ", json.type_name());
    numbers.push_back(json.get<double>());
    check(std::isfinite(numbers.back()), where, ": holds a number that is not finite");
  }
}

// The member `key` of a table of people: the row of person `i`, of n numbers in any nesting.
template <size_t n>
std::array<double, n> person_numbers(const Json& table, const char* key, size_t i, const std::string& where) {
  const auto rows = json_get<Json>(table, key, where);
  check(rows.is_array() && i < rows.size(), where, ": '", key, "' has fewer rows than there are boxes");
  std::vector<double> numbers;
  flatten(rows[i], numbers, where + ": '" + key + "'");
  check(numbers.size() == n, where, ": '", key, "' has ", numbers.size(), " numbers per person, expected ", n);
  std::array<double, n> out;
  std::copy(numbers.begin(), numbers.end(), out.begin());
  return out;
}

// The original's tables of people: bbox_xyxy (pixels), pose_tokenized, pred_cam and pred_smpl_params with global_orient
// and betas; or bbox_normalized (0 to 1), cam and the two parameters beside them. No people: an empty list or object.
void parse_people(const Json& json, Annotation& annotation, const std::string& where) {
  annotation.people.emplace();
  check(json.is_object() || (json.is_array() && json.empty()), where,
        ": expected an object with the boxes and parameters of people, found ", json.type_name());
  if (json.empty()) return;
  annotation.boxes_in_pixels = json.contains("bbox_xyxy");
  const char* boxes = annotation.boxes_in_pixels ? "bbox_xyxy" : "bbox_normalized";
  check(json.contains(boxes), where, ": has neither 'bbox_xyxy' nor 'bbox_normalized'");
  check(json[boxes].is_array(), where, ": '", boxes, "' should be a list of boxes");
  const Json& body = json.contains("pred_smpl_params") ? json["pred_smpl_params"] : json;
  const char* camera = json.contains("pred_cam") ? "pred_cam" : "cam";
  for (size_t i = 0; i < json[boxes].size(); ++i) {
    HumanPose person;
    person.box = person_numbers<4>(json, boxes, i, where);
    if (!annotation.boxes_in_pixels)
      for (double& corner : person.box) corner = unit(corner, "'bbox_normalized'", where);
    person.has_pose = json.contains("pose_tokenized");
    if (person.has_pose) person.pose = person_numbers<8>(json, "pose_tokenized", i, where);
    for (const double id : person.pose)
      check(id >= 0 && id < 1024 && id == std::floor(id), where, ": 'pose_tokenized' holds ", exact(id),
            ", expected token ids from 0 to 1023");
    person.global = person_numbers<9>(body, "global_orient", i, where);
    person.camera = person_numbers<3>(json, camera, i, where);
    person.shape = person_numbers<10>(body, "betas", i, where);
    annotation.people->push_back(person);
  }
  read_size(json, annotation, where);
}

CropView view_of(const Annotation& annotation, const TextDraw& draw) {
  if (!draw.view) return centre_view(annotation, {}).value_or(CropView{1, 1, 0, 0, 1, 1, false});
  CropView view = *draw.view;
  if (annotation.width > 0 && annotation.height > 0) {
    view.width = annotation.width;
    view.height = annotation.height;
  }
  return view;
}

std::string people_text(const Annotation& annotation, const TextDraw& draw, Random& random, const std::string& where) {
  const CropView view = view_of(annotation, draw);
  const bool known = draw.view || (annotation.width > 0 && annotation.height > 0);
  check(!annotation.boxes_in_pixels || known || annotation.people->empty(), where,
        ": 'bbox_xyxy' is in pixels; add \"height\" and \"width\" of the image, or crop_settings");
  std::vector<HumanPose> seen;
  std::vector<GroupOrder> orders;
  for (HumanPose person : *annotation.people) {
    if (annotation.boxes_in_pixels) {
      const double width = annotation.width > 0 ? annotation.width : view.width;
      const double height = annotation.height > 0 ? annotation.height : view.height;
      for (int k = 0; k < 4; ++k) person.box[k] /= k % 2 ? height : width;
    }
    const auto box = view_box({person.box[0], person.box[1], person.box[2], person.box[3], "human", 1}, view);
    if (!box) continue;
    person.box = {box->xmin, box->ymin, box->xmax, box->ymax};
    seen.push_back(person);
    const auto order = random.permutation(4);
    std::copy(order.begin(), order.end(), orders.emplace_back().begin());
  }
  return poses_to_string(seen, orders);
}

}  // namespace

TextForm text_form(const std::string& modality) {
  const std::string name = name_without_size(modality);
  if (name == "metadata") return TextForm::kMetadata;
  if (name == "color_palette") return TextForm::kPalette;
  return name == "human_poses" ? TextForm::kPoses : TextForm::kText;
}

Annotation parse_annotation(const Json& json, const std::string& where, TextForm form) {
  Annotation annotation;
  switch (form) {
    case TextForm::kMetadata: annotation.metadata = parse_metadata(json, where); break;
    case TextForm::kPalette: annotation.palettes = parse_palettes(json, where); break;
    case TextForm::kPoses: parse_people(json, annotation, where); break;
    case TextForm::kText:
      if (json.is_object() && !caption_of(json)) {
        annotation.boxes.emplace();
        const auto instances = json_get<Json>(json, "instances", where);
        check(instances.is_array(), where, ": 'instances' should be a list");
        for (const Json& instance : instances) annotation.boxes->push_back(parse_box(instance, where));
        read_size(json, annotation, where);
      } else {
        add_texts(json, annotation.texts, false, where);
      }
      break;
  }
  return annotation;
}

Annotation decode_annotation(std::string_view bytes, const std::string& extension, const std::string& where,
                             TextForm form) {
  check(extension == "json" || (extension == "txt" && form == TextForm::kText), where, ": expected a ",
        form == TextForm::kText ? ".txt or .json file of texts or boxes" : ".json file");
  if (extension == "json") return parse_annotation(parse_json(bytes, where), where, form);
  check(to_valid_utf8(bytes) == bytes, where, ": is not valid UTF-8; save it as UTF-8");
  return parse_annotation(Json(trim(bytes)), where);
}

std::optional<CropView> centre_view(const Annotation& annotation, const std::optional<CropView>& image) {
  if (annotation.width <= 0 || annotation.height <= 0) return image;
  return centre_view(static_cast<int>(annotation.width), static_cast<int>(annotation.height));
}

bool is_text_of_crop(const std::string& modality) { return name_without_size(modality) == "sam_instance"; }

// Numbers of metadata, palettes and poses are not scaled to the text tokenizer, unlike corners of boxes. Error where it has
// fewer coordinates than they need.
static std::vector<std::string> with_known_coordinates(std::vector<std::string> pieces, int64_t bins,
                                                       const std::string& where) {
  for (const auto& piece : pieces)
    for (const auto& word : split(piece, ' '))
      if (const auto coordinate = read_coordinate(word))
        check(coordinate->value < bins, where, ": is written with the token ", word,
              ", but the text tokenizer ends at ", word.substr(0, word.find('=') + 1), bins - 1,
              "; train one with 1000 coordinates (`fourm vocab train`)");
  return pieces;
}

std::vector<std::string> draw_text(const Annotation& annotation, const TextDraw& draw, Random& random,
                                   const std::string& where) {
  check(draw.bins > 1 || !annotation.texts.empty(), where,
        ": holds boxes or numbers, but the text tokenizer has no coordinates v0=0, v0=1, ...");
  if (annotation.metadata) {
    Metadata shuffled = *annotation.metadata;
    random.shuffle(shuffled);
    return with_known_coordinates(metadata_to_chunks(shuffled), draw.bins, where);
  }
  if (!annotation.palettes.empty())
    return with_known_coordinates({palette_to_string(random.pick(annotation.palettes))}, draw.bins, where);
  if (annotation.people)
    return with_known_coordinates({people_text(annotation, draw, random, where)}, draw.bins, where);
  if (annotation.boxes)
    return {boxes_to_string(view_boxes(*annotation.boxes, view_of(annotation, draw), {}, random), draw.bins)};
  const std::string& text = draw.number ? annotation.texts.at(*draw.number) : random.pick(annotation.texts);
  return {draw.mirror && draw.view && draw.view->flip ? mirror_words(text) : text};
}

}  // namespace fourm
