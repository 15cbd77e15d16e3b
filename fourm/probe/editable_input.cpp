#include "fourm/probe/editable_input.h"

#include <algorithm>
#include <cctype>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/data/data_facts.h"
#include "fourm/generate/input_value.h"
#include "fourm/io/image_file.h"
#include "fourm/modality/dataset_description.h"
#include "fourm/text/vocabulary.h"

namespace fourm {
namespace {

std::string where(const Variation& variation) { return concat("the variation ", printable(variation.text), ": "); }

// The one that the variation's number means.
template <class Found>
const Found& pick(const std::vector<Found>& found, const Variation& variation, const char* noun, const char* plural) {
  check(variation.number <= static_cast<int64_t>(found.size()), where(variation), "there is no ",
        printable(concat(variation.what, "#", variation.number)), "; there ", found.size() == 1 ? "is " : "are ",
        counted(static_cast<int64_t>(found.size()), noun, plural), " of ", printable(variation.what));
  return found[static_cast<size_t>(variation.number - 1)];
}

std::vector<std::string> class_names_near(const fs::path& file) {
  const fs::path description = nearest_dataset_description(file.parent_path());
  return description.empty() ? std::vector<std::string>() : read_class_names(description.parent_path());
}

std::string name_of(uint8_t label, const std::vector<std::string>& names) {
  return label < names.size() && !names[label].empty() ? names[label] : concat(static_cast<int>(label));
}

uint8_t label_of(const std::string& name, const std::vector<std::string>& names, const Variation& variation) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<uint8_t>(found - names.begin());
  const bool is_number = std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
  if (is_number && name.size() <= 3 && std::stoi(name) <= 255) return static_cast<uint8_t>(std::stoi(name));
  check(
      !names.empty(), where(variation), printable(name),
      " is no label from 0 to 255, and names of classes are not known: the folder of the map, or one above it, has no "
      "dataset.yaml with semseg_classes");
  fail(where(variation), "there is no class ", printable(name), did_you_mean(name, names));
}

// The connected segments of a label (4 neighbours) as pixel numbers, the largest first.
std::vector<std::vector<size_t>> segments_of(const Image& map, uint8_t label) {
  std::vector<bool> seen(map.area());
  std::vector<std::vector<size_t>> segments;
  const auto width = static_cast<size_t>(map.width);
  for (size_t start = 0; start < map.area(); ++start) {
    if (seen[start] || map.pixels[start] != label) continue;
    std::vector<size_t> segment{start};
    seen[start] = true;
    const auto visit = [&](size_t pixel) {
      if (seen[pixel] || map.pixels[pixel] != label) return;
      seen[pixel] = true;
      segment.push_back(pixel);
    };
    for (size_t i = 0; i < segment.size(); ++i) {
      const size_t pixel = segment[i];
      if (pixel % width > 0) visit(pixel - 1);
      if (pixel % width + 1 < width) visit(pixel + 1);
      if (pixel >= width) visit(pixel - width);
      if (pixel + width < map.area()) visit(pixel + width);
    }
    segments.push_back(std::move(segment));
  }
  std::stable_sort(segments.begin(), segments.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return segments;
}

// Where the words stand in the text, as whole words.
std::vector<size_t> places_of(const std::string& text, const std::string& words) {
  const auto letter = [&](size_t i) { return i < text.size() && std::isalnum(static_cast<unsigned char>(text[i])); };
  std::vector<size_t> places;
  for (size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    if ((at == 0 || !letter(at - 1)) && !letter(at + words.size())) places.push_back(at);
  return places;
}

std::vector<LabelledBox*> boxes_of(std::vector<LabelledBox>& boxes, const Variation& variation) {
  std::vector<LabelledBox*> found;
  std::vector<std::string> classes;
  for (auto& box : boxes) {
    if (box.class_name == variation.what) found.push_back(&box);
    classes.push_back(box.class_name);
  }
  check(!found.empty(), where(variation), "there is no box ", printable(variation.what),
        did_you_mean(variation.what, classes), classes.empty() ? "" : "; the boxes are " + join(classes, ", "));
  if (variation.number > 0) found = {pick(found, variation, "box", "boxes")};
  return found;
}

}  // namespace

EditableInput EditableInput::read(const Pipeline& pipeline, const std::vector<Input>& inputs, size_t place,
                                  const DepthUnits& units) {
  EditableInput editable(inputs[place]);
  const Input& input = inputs[place];
  const Modality modality = pipeline.modality(pipeline.input_name(input.modality));
  const InputValue value = parse_input_value(input.value, pipeline.input_extensions(modality.name));
  const fs::path& file = value.file;
  Canvas canvas;
  pipeline.add_inputs(canvas, inputs, units);
  const std::string entry = canvas.entries[place].name;
  if (base_name(modality.name) == "det") {
    editable.content_ = Boxes{pipeline.boxes(canvas, entry)};
  } else if (modality.kind == ModalityKind::kSequence) {
    editable.content_ = Text{value.file.empty() ? value.text : pipeline.text(canvas, entry)};
  } else if (modality.kind == ModalityKind::kTokens && pipeline.has_tokenizer(modality.name) &&
             pipeline.input_config(modality.name).has_labels()) {
    const InputConfig config = pipeline.input_config(modality.name);
    Canvas alone;
    alone.add_known(modality.name, canvas.entries[place].data);
    const StoredImage map =
        is_image_file(file) ? read_stored_image(config, file, units) : pipeline.image(alone, modality.name);
    editable.content_ = Labels{config, std::get<Image>(map), class_names_near(file)};
  }
  return editable;
}

void EditableInput::apply(const Variation& variation, size_t i) {
  if (variation.kind == Variation::Kind::kValues) {
    input_.value = variation.values[i];
    content_ = Given{};
    return;
  }
  auto* boxes = std::get_if<Boxes>(&content_);
  if (variation.kind == Variation::Kind::kReplace) {
    if (boxes) return replace(*boxes, variation, i);
    if (auto* text = std::get_if<Text>(&content_)) return replace(*text, variation, i);
    if (auto* labels = std::get_if<Labels>(&content_)) return replace(*labels, variation, i);
    fail(where(variation), "parts of '", input_.modality, "' cannot be changed; list whole values, as in '",
         input_.modality, "=FILE|FILE'");
  }
  check(boxes, where(variation), "only boxes can be moved and resized, and '", input_.modality, "' holds none");
  const auto found = boxes_of(boxes->boxes, variation);
  check(found.size() == 1, where(variation), "there are ", found.size(), " boxes ", printable(variation.what),
        "; say which, from ", variation.what, "#1 to ", variation.what, "#", found.size());
  LabelledBox& box = *found[0];
  const double value = variation.numbers[i], x = (box.xmin + box.xmax) / 2, y = (box.ymin + box.ymax) / 2;
  double half_width = (box.xmax - box.xmin) / 2, half_height = (box.ymax - box.ymin) / 2;
  const bool is_move = variation.kind == Variation::Kind::kMove;
  if (!is_move) half_width *= value, half_height *= value;
  const double to_x = is_move && variation.axis == 'x' ? value : x, to_y = is_move && variation.axis == 'y' ? value : y;
  box.xmin = to_x - half_width, box.xmax = to_x + half_width;
  box.ymin = to_y - half_height, box.ymax = to_y + half_height;
}

void EditableInput::replace(Text& text, const Variation& variation, size_t i) const {
  std::vector<size_t> places = places_of(text.words, variation.what);
  check(!places.empty(), where(variation), "the text ", printable(text.words), " does not contain ",
        printable(variation.what));
  if (variation.number > 0) places = {pick(places, variation, "place", "places")};
  for (auto place = places.rbegin(); place != places.rend(); ++place)
    text.words.replace(*place, variation.what.size(), variation.values[i]);
}

void EditableInput::replace(Boxes& boxes, const Variation& variation, size_t i) const {
  for (LabelledBox* box : boxes_of(boxes.boxes, variation)) box->class_name = variation.values[i];
}

void EditableInput::replace(Labels& labels, const Variation& variation, size_t i) const {
  const uint8_t before = label_of(variation.what, labels.names, variation),
                after = label_of(variation.values[i], labels.names, variation);
  std::vector<std::vector<size_t>> segments = segments_of(labels.map, before);
  if (segments.empty()) {
    std::vector<std::string> present;
    for (const uint8_t label : labels.map.pixels)
      if (const auto name = name_of(label, labels.names); !contains(present, name)) present.push_back(name);
    fail(where(variation), "the map has no segment ", printable(variation.what), "; it has ", join(present, ", "));
  }
  if (variation.number > 0) segments = {pick(segments, variation, "segment", "segments")};
  for (const auto& segment : segments)
    for (const size_t pixel : segment) labels.map.pixels[pixel] = after;
}

Input EditableInput::input(const Pipeline& pipeline, fs::path file, bool overwrite) const {
  Input input = input_;
  if (const auto* text = std::get_if<Text>(&content_)) {
    input.value = concat("text:", text->words);
  } else if (const auto* boxes = std::get_if<Boxes>(&content_)) {
    Random unused(0);
    const CropView square{.height = 1, .width = 1, .crop_height = 1, .crop_width = 1};
    const auto visible = view_boxes(boxes->boxes, square, {}, unused);
    input.value = concat("text:", boxes_to_string(visible, coordinate_bins(pipeline.text_tokenizer())));
  } else if (const auto* labels = std::get_if<Labels>(&content_)) {
    file += ".png";
    const std::string bytes = encode_stored_image(labels->config, labels->map);
    std::error_code ignored;
    const bool is_there = fs::exists(file, ignored);
    check(!is_there || overwrite || read_file(file) == bytes, file.string(),
          ": the folder holds results of another probe; name another folder, or have them replaced");
    if (!is_there || overwrite) write_file(file, bytes);
    input.value = concat("@", file.string());
  }
  return input;
}

}  // namespace fourm
