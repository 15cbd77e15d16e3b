#include "fourm/eval/evaluation_set.h"

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
constexpr const char* kMeasured[] = {"rgb", "depth", "normal", "semseg", "clip", "det", "caption"};

bool is_map(const std::string& name) { return std::find(std::begin(kMaps), std::end(kMaps), name) != std::end(kMaps); }

bool has_measure(const std::string& name) {
  return std::find(std::begin(kMeasured), std::end(kMeasured), name) != std::end(kMeasured);
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

std::vector<EvaluatedModality> common_modalities(const Pipeline& pipeline, const Source& source) {
  std::vector<EvaluatedModality> modalities;
  for (const std::string name : kMeasured) {
    if (!source.has(name)) continue;
    const auto usable = [&](const std::string& modality) {
      return base_name(modality) == name && lacking(pipeline, modality).empty();
    };
    EvaluatedModality evaluated{name, "", ""};
    for (const auto& modality : pipeline.inputs())
      if (usable(modality) && (evaluated.input.empty() || pipeline.modality(modality).kind == ModalityKind::kPixels))
        evaluated.input = modality;
    for (const auto& modality : pipeline.outputs())
      if (usable(modality)) evaluated.output = modality;
    if (!evaluated.input.empty() || !evaluated.output.empty()) modalities.push_back(evaluated);
  }
  return modalities;
}

// The folder that holds the modality's tokens, else that of the files that these are made of; the data set may have neither.
std::string evaluated_folder(const Source& source, const std::string& modality) {
  const std::string folder = folder_of(source, modality);
  return source.has(folder) ? folder : base_name(modality);
}

// Adds those without a measure of their own. Their files are read as inputs of the model, so that it has to read them.
void add_other_modalities(const Pipeline& pipeline, const Source& source, std::vector<EvaluatedModality>& modalities) {
  const auto find = [&](const std::string& name) {
    return std::find_if(modalities.begin(), modalities.end(), [&](const auto& m) { return m.name == name; });
  };
  for (const auto& modality : pipeline.inputs()) {
    const std::string folder = evaluated_folder(source, modality), base = base_name(modality);
    if (!source.has(folder) || has_measure(folder) || (has_measure(base) && find(base) != modalities.end())) continue;
    if (folder == base && !lacking(pipeline, modality).empty()) continue;  // its files may hold no tokens
    const std::string output = contains(pipeline.outputs(), modality) ? modality : "";
    if (const auto same = find(folder); same == modalities.end())
      modalities.push_back({folder, modality, output, true});
    else if (!output.empty())  // of several sizes that which can be measured
      *same = {folder, modality, output, true};
  }
}

// Why an output of the model is not measured.
std::string why_not_measured(const Pipeline& pipeline, const Source& source, const EvaluationSet& set,
                             const std::string& modality) {
  const std::string name = base_name(modality);
  for (const auto& other : set.modalities)
    if (base_name(other.name) == name && !other.output.empty()) return other.output + " is measured instead";
  if (!source.has(evaluated_folder(source, modality))) return "the data set has no folder " + name;
  const std::string lack = lacking(pipeline, modality);
  return lack.empty() ? "the model does not read it, and its files are read as those of inputs are" : lack;
}

std::vector<Unmeasured> find_not_measured(const Pipeline& pipeline, const Source& source, const EvaluationSet& set) {
  std::vector<Unmeasured> list;
  std::vector<std::string> outputs;
  for (const auto& modality : pipeline.outputs()) {
    outputs.push_back(base_name(modality));
    if (std::none_of(set.modalities.begin(), set.modalities.end(), [&](const auto& m) { return m.output == modality; }))
      list.push_back({modality, why_not_measured(pipeline, source, set, modality)});
  }
  for (const std::string name : kMeasured)
    if (source.has(name) && !contains(outputs, name)) list.push_back({name, "the model does not generate it"});
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

EvaluationSample read_sample(const Pipeline& pipeline, const Source& source,
                             const std::vector<EvaluatedModality>& modalities, const DepthUnits& units, int64_t i,
                             const WarnOfSample& warn) {
  EvaluationSample sample;
  sample.inputs.key = static_cast<uint64_t>(i);
  double pixels = 0;             // of the image as stored
  std::optional<CropView> view;  // its middle square
  for (const auto& [name, input, output, as_tokens] : modalities) {
    const std::string origin = source.origin(i, name);
    const std::string bytes = source.read(i, name);
    if (as_tokens) {
      pipeline.add_bytes(sample.inputs, input, bytes, source.extension(i, name), origin,
                         units.of(source.file(i, name)));
      if (!output.empty()) sample.ceiling.entries.push_back(*sample.inputs.find(input));
      continue;
    }
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

const EvaluatedModality& EvaluationSet::input(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& s : modalities) {
    if (!s.input.empty() && (s.name == name || (s.as_tokens && base_name(s.name) == name))) return s;
    if (!s.input.empty()) names.push_back(s.name);
  }
  fail(printable(name), " is not an input that both the data set and the model have; they share ", join(names, ", "),
       did_you_mean(name, names));
}

const EvaluatedModality* EvaluationSet::output(const std::string& name) const {
  for (const auto& s : modalities)
    if (s.name == name && !s.output.empty()) return &s;
  return nullptr;
}

bool EvaluatedModality::is_target(const std::vector<std::string>& inputs) const {
  return !output.empty() && !inputs.empty() && !contains(inputs, input);
}

bool EvaluationSet::has_segmentation() const {
  const EvaluatedModality* image = output("rgb");
  return output("semseg") && image && !image->input.empty();
}

std::vector<std::string> EvaluationSet::inputs(const std::string& input_set, const std::string& target) const {
  std::vector<std::string> inputs;
  if (input_set != "all")
    for (const auto& name : split(input_set, '+')) inputs.push_back(input(name).input);
  else
    for (const auto& s : modalities)
      if (s.name != target && !s.input.empty()) inputs.push_back(s.input);
  return inputs;
}

Canvas EvaluationSet::canvas(size_t i, const std::vector<std::string>& inputs) const {
  Canvas canvas;
  canvas.key = i;
  for (const auto& name : inputs) canvas.entries.push_back(*samples[i].inputs.find(name));
  return canvas;
}

EvaluationSet EvaluationSet::read(const Pipeline& pipeline, const fs::path& data, int64_t count,
                                  const std::vector<std::string>& input_sets, const ProcessGroup& group) {
  const Source source = Source::open(data.string());
  EvaluationSet set;
  set.modalities = common_modalities(pipeline, source);
  add_other_modalities(pipeline, source, set.modalities);
  set.scenes = source.has("scene");
  set.classes = DataFacts::read(source).classes;
  check(!set.modalities.empty(), data.string(),
        ": holds none of the folders rgb, depth, normal, semseg, clip, caption and det that the model knows, and no "
        "other modality that it reads");
  const DepthUnits units;
  set.not_measured = find_not_measured(pipeline, source, set);
  for (const auto& inputs : input_sets) set.inputs(inputs, "");  // an unknown name is an Error
  count = std::min(count, source.size());
  check(count >= 2, data.string(), ": fewer than two samples to evaluate; it holds ", counted(source.size(), "sample"));
  std::set<std::string> topics;
  const WarnOfSample warn_once = [&](const std::string& topic, const std::string& message) {
    if (topics.insert(topic).second) warn(message, " (other samples of this kind are not named)");
  };
  Progress progress("reading", count);
  std::string first_left_out;
  for (int64_t i = 0; i < source.size() && static_cast<int64_t>(set.samples.size()) < count; ++i) {
    try {
      set.samples.push_back(read_sample(pipeline, source, set.modalities, units, i, warn_once));
      progress.update(static_cast<int64_t>(set.samples.size()));
    } catch (const Error& error) {
      if (set.left_out++ == 0) first_left_out = concat(printable(source.name(i)), ": ", error.what());
    }
  }
  check(set.samples.size() >= 2, data.string(), ": fewer than two of its ", counted(source.size(), "sample"),
        " can be evaluated; the first that was left out: ", first_left_out);
  if (set.left_out > 0)
    warn(data.string(), ": ", counted(set.left_out, "sample is", "samples are"),
         " left out; the first: ", first_left_out);
  group.check_same("evaluation set",
                   concat(data.string(), " with ", counted(source.size(), "sample"), ", ", set.left_out, " left out"));
  return set;
}

}  // namespace fourm
