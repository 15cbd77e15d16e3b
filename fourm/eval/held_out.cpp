#include "fourm/eval/held_out.h"

#include <algorithm>
#include <functional>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/crop.h"
#include "fourm/data/data_facts.h"
#include "fourm/data/source.h"
#include "fourm/data/token_set.h"

namespace fourm {
namespace {

constexpr const char* kMaps[] = {"rgb", "depth", "normal", "semseg", "clip"};
constexpr const char* kSubjects[] = {"rgb", "depth", "normal", "semseg", "clip", "det", "caption"};

bool is_map(const std::string& subject) {
  return std::find(std::begin(kMaps), std::end(kMaps), subject) != std::end(kMaps);
}

// What the pipeline lacks to decode the tokens of the modality; "" when it lacks nothing.
std::string lacking(const Pipeline& pipeline, const std::string& modality) {
  switch (pipeline.modality(modality).kind) {
    case ModalityKind::kTokens:
      return pipeline.has_tokenizer(modality) ? "" : "it has no tokenizer; name a folder that holds one";
    case ModalityKind::kSequence: return pipeline.has_text_tokenizer() ? "" : "there is no text tokenizer; name one";
    default: return "";
  }
}

std::vector<Subject> common_subjects(const Pipeline& pipeline, const Source& source) {
  std::vector<Subject> subjects;
  for (const std::string name : kSubjects) {
    if (!source.has(name)) continue;
    const auto usable = [&](const std::string& modality) {
      return subject_of(modality) == name && lacking(pipeline, modality).empty();
    };
    Subject subject{name, "", ""};
    for (const auto& modality : pipeline.inputs())
      if (usable(modality) && (subject.input.empty() || pipeline.modality(modality).kind == ModalityKind::kPixels))
        subject.input = modality;
    for (const auto& modality : pipeline.outputs())
      if (usable(modality)) subject.output = modality;
    if (!subject.input.empty() || !subject.output.empty()) subjects.push_back(subject);
  }
  return subjects;
}

std::vector<Unmeasured> find_not_measured(const Pipeline& pipeline, const Source& source, const HeldOut& held) {
  std::vector<Unmeasured> list;
  std::vector<std::string> outputs;
  for (const auto& modality : pipeline.outputs()) {
    const std::string name = subject_of(modality);
    outputs.push_back(name);
    const Subject* subject = held.output(name);
    if (subject && subject->output == modality) continue;
    if (std::find(std::begin(kSubjects), std::end(kSubjects), name) == std::end(kSubjects))
      list.push_back({modality, "there is no measure of it"});
    else if (!source.has(name))
      list.push_back({modality, "the data set has no folder " + name});
    else if (const std::string reason = lacking(pipeline, modality); !reason.empty())
      list.push_back({modality, reason});
    else
      list.push_back({modality, subject->output + " is measured instead"});
  }
  for (const std::string name : kSubjects)
    if (source.has(name) && !contains(outputs, name)) list.push_back({name, "the model does not write it"});
  return list;
}

std::vector<int64_t> box_tokens(const Pipeline& pipeline, const Boxes& boxes) {
  return pipeline.text_tokenizer().encode(boxes_to_string(boxes, coordinate_bins(pipeline.text_tokenizer())));
}

// Boxes beyond the modality's max_tokens are left out, the smallest first.
Boxes fitting_boxes(const Pipeline& pipeline, const std::string& modality, Boxes boxes) {
  const int64_t most = pipeline.modality(modality).max_tokens;
  while (static_cast<int64_t>(box_tokens(pipeline, boxes).size()) >= most) {
    const auto smallest =
        std::min_element(boxes.rbegin(), boxes.rend(), [](const auto& a, const auto& b) { return area(a) < area(b); });
    boxes.erase(std::next(smallest).base());
  }
  return boxes;
}

// The boxes inside the view that a model with default settings reads (score, order), with class names as the text
// tokenizer writes them: predictions have such names.
Boxes visible_boxes(const Annotation& annotation, const std::optional<CropView>& image, const WordPiece& words) {
  const CropView whole{1, 1, 0, 0, 1, 1, false};
  Random unused(0);
  Boxes boxes = view_boxes(*annotation.boxes, centre_view(annotation, image).value_or(whole), {}, unused);
  for (auto& box : boxes) box.class_name = words.decode(words.encode(box.class_name), false);
  return boxes;
}

using WarnOfSample = std::function<void(const std::string& topic, const std::string& message)>;

HeldOutSample read_sample(const Pipeline& pipeline, const Source& source, const std::vector<Subject>& subjects,
                          const DepthUnits& units, int64_t i, const WarnOfSample& warn) {
  HeldOutSample sample;
  sample.inputs.key = static_cast<uint64_t>(i);
  double pixels = 0;             // of the image as stored
  std::optional<CropView> view;  // its middle square
  for (const auto& [name, input, output] : subjects) {
    const std::string origin = source.origin(i, name);
    const std::string bytes = source.read(i, name);
    if (is_map(name)) {
      const std::string& modality = output.empty() ? input : output;
      const InputConfig kind = pipeline.input_config(modality);
      const StoredImage stored = decode_stored_image(kind, bytes, origin, units.of(source.file(i, name)));
      const auto square = centre_square(kind, stored, pipeline.image_size(modality));
      if (!kind.has_features()) {
        pixels = static_cast<double>(width_of(stored)) * height_of(stored);
        if (!view) view = centre_view(width_of(stored), height_of(stored));
      }
      if (!input.empty()) pipeline.add_image(sample.inputs, input, stored);
      if (!output.empty()) {
        ModalityData tokens;
        tokens.ids = pipeline.tokenize(output, stored);
        sample.ceiling.add_known(output, std::move(tokens));
      }
      sample.images.emplace(name, square);
      continue;
    }
    const Annotation annotation = decode_annotation(bytes, source.extension(i, name), origin);
    if (name == "det") {
      check(annotation.boxes.has_value(), origin, ": expected boxes, found texts");
      sample.boxes = visible_boxes(annotation, view, pipeline.text_tokenizer());
      if (!input.empty()) pipeline.add_boxes(sample.inputs, input, fitting_boxes(pipeline, input, sample.boxes));
      if (!output.empty()) {
        ModalityData tokens;
        tokens.ids = box_tokens(pipeline, fitting_boxes(pipeline, output, sample.boxes));
        sample.ceiling.add_known(output, std::move(tokens));
      }
    } else {
      check(!annotation.texts.empty(), origin, ": expected captions, found boxes");
      sample.captions = annotation.texts;
      sample.caption = annotation.texts.back();
      if (!input.empty())
        pipeline.add_text(sample.inputs, input, sample.caption, [&](const std::string& topic, const std::string& text) {
          warn(topic, concat(origin, ": ", text));
        });
    }
  }
  if (source.has("scene")) {
    const std::string origin = source.origin(i, "scene");
    sample.scene = scene_objects(parse_json(source.read(i, "scene"), origin), pixels, origin);
  }
  return sample;
}

}  // namespace

const Subject& HeldOut::subject(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& s : subjects) {
    if (s.name == name && !s.input.empty()) return s;
    if (!s.input.empty()) names.push_back(s.name);
  }
  fail(printable(name), " is not an input that both the data set and the model have; they share ", join(names, ", "),
       did_you_mean(name, names));
}

const Subject* HeldOut::output(const std::string& name) const {
  for (const auto& s : subjects)
    if (s.name == name && !s.output.empty()) return &s;
  return nullptr;
}

bool Subject::is_target(const std::vector<std::string>& inputs) const {
  return !output.empty() && !inputs.empty() && !contains(inputs, input);
}

bool HeldOut::has_segmentation() const {
  const Subject* image = output("rgb");
  return output("semseg") && image && !image->input.empty();
}

std::vector<std::string> HeldOut::inputs(const std::string& set, const std::string& target) const {
  std::vector<std::string> inputs;
  if (set != "all")
    for (const auto& name : split(set, '+')) inputs.push_back(subject(name).input);
  else
    for (const auto& s : subjects)
      if (s.name != target && !s.input.empty()) inputs.push_back(s.input);
  return inputs;
}

Canvas HeldOut::canvas(size_t i, const std::vector<std::string>& inputs) const {
  Canvas canvas;
  canvas.key = i;
  for (const auto& name : inputs) canvas.entries.push_back(*samples[i].inputs.find(name));
  return canvas;
}

HeldOut HeldOut::read(const Pipeline& pipeline, const fs::path& data, int64_t count,
                      const std::vector<std::string>& sets) {
  const Source source = Source::open(data.string());
  HeldOut held;
  held.subjects = common_subjects(pipeline, source);
  held.scenes = source.has("scene");
  held.classes = DataFacts::read(source).classes;
  check(!held.subjects.empty(), data.string(),
        ": holds none of the folders rgb, depth, normal, semseg, clip, caption and det that the model knows");
  const DepthUnits units;
  held.not_measured = find_not_measured(pipeline, source, held);
  for (const auto& set : sets) held.inputs(set, "");  // an unknown name is an Error
  count = std::min(count, source.size());
  check(count >= 2, data.string(), ": fewer than two samples to evaluate; it holds ", counted(source.size(), "sample"));
  std::set<std::string> topics;
  const WarnOfSample warn_once = [&](const std::string& topic, const std::string& message) {
    if (topics.insert(topic).second) warn(message, " (other samples of this kind are not named)");
  };
  Progress progress("reading", count);
  std::string first_left_out;
  for (int64_t i = 0; i < source.size() && static_cast<int64_t>(held.samples.size()) < count; ++i) {
    try {
      held.samples.push_back(read_sample(pipeline, source, held.subjects, units, i, warn_once));
      progress.update(static_cast<int64_t>(held.samples.size()));
    } catch (const Error& error) {
      if (held.left_out++ == 0) first_left_out = concat(printable(source.name(i)), ": ", error.what());
    }
  }
  check(held.samples.size() >= 2, data.string(), ": fewer than two of its ", counted(source.size(), "sample"),
        " can be evaluated; the first that was left out: ", first_left_out);
  if (held.left_out > 0)
    warn(data.string(), ": ", counted(held.left_out, "sample is", "samples are"),
         " left out; the first: ", first_left_out);
  return held;
}

}  // namespace fourm
