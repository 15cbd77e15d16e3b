#include "fourm/eval/evaluate.h"

#include <algorithm>

#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/eval/answer.h"
#include "fourm/eval/held_out.h"
#include "fourm/eval/map_comparisons.h"
#include "fourm/eval/scene_measures.h"
#include "fourm/eval/text_image.h"

namespace fourm {
namespace {

using Areas = std::vector<std::vector<double>>;

class Evaluation {
 public:
  Evaluation(const Pipeline& pipeline, const EvaluateOptions& options)
      : pipeline_(pipeline),
        options_(options),
        held_(HeldOut::read(pipeline, options.data, options.count, options.inputs)) {
    if (!options.image_text.empty()) judge_ = ImageText::open(options.image_text);
  }

  Json run() const {
    Json report = {{"data", options_.data.string()},
                   {"samples", held_.samples.size()},
                   {"left_out", held_.left_out},
                   {"inputs", Json::array()},
                   {"not_measured", not_measured()}};
    Progress progress("eval", static_cast<int64_t>(options_.inputs.size() * held_.subjects.size()));
    int64_t done = 0;
    bool nothing = true;
    for (const auto& set : options_.inputs) {
      Json measures = Json::array();
      for (const auto& subject : held_.subjects) {
        const auto given = held_.inputs(set, subject.name);
        if (subject.asked(given))
          for (const auto& comparison : compare_subject(subject, given)) measures.push_back(comparison.json());
        progress.update(++done, set + " -> " + subject.name);
      }
      nothing = nothing && measures.empty();
      report["inputs"].push_back({{"given", set}, {"measures", measures}});
    }
    check(!nothing, options_.data.string(), ": nothing can be measured given ", join(options_.inputs, ", "),
          reasons(report["not_measured"]));
    return report;
  }

 private:
  // What no measure of the report says anything about.
  Json not_measured() const {
    Json list = Json::array();
    const auto add = [&](const std::string& what, const std::string& reason) {
      list.push_back({{"what", what}, {"reason", reason}});
    };
    for (const auto& [what, reason] : held_.unmeasured) add(what, reason);
    if (held_.written("caption") && !held_.scenes)
      add(held_.written("caption")->output, "the data set has no folder scene, which says what a caption should name");
    if (!held_.written("rgb")) return list;
    if (!can_find_objects())
      add("rgb: main object found",
          !held_.scenes         ? "the data set has no folder scene"
          : !has_segmentation() ? "it takes a model that reads rgb and writes semseg, and both in the data set"
                                : "the data set has no dataset.yaml with semseg_classes, the names of its labels");
    if (!judge_)
      add("rgb: caption outranks others, cosine to caption",
          "there is no image-text model; give one with --image-text");
    else if (!has_captions())
      add("rgb: caption outranks others, cosine to caption", "not every sample has a caption that the model knows");
    return list;
  }

  static std::string reasons(const Json& list) {
    std::string text;
    for (const auto& item : list)
      text += concat("; ", item["what"].get<std::string>(), ": ", item["reason"].get<std::string>());
    return text;
  }

  std::vector<Comparison> compare_subject(const Subject& subject, const std::vector<std::string>& given) const {
    if (subject.name == "caption" && !held_.scenes) return {};
    const bool is_image = subject.name == "rgb";
    const Modality modality = pipeline_.modality(subject.output);
    const auto answers = answer(
        pipeline_, held_.samples.size(), [&](size_t i) { return held_.canvas(i, given); },
        is_image ? painting(pipeline_, subject.output, given) : std::vector{most_likely(modality)}, options_.seed);
    if (subject.name == "caption") return compare_as_captions(subject, answers);
    if (subject.name == "det") return compare_as_boxes(subject, answers);
    MapAnswers maps{pipeline_.input_config(subject.output), {}, {}, {}};
    for (size_t i = 0; i < answers.size(); ++i) {
      maps.truth.push_back(held_.samples[i].images.at(subject.name));
      maps.model.push_back(pipeline_.image(answers[i], subject.output));
      maps.ceiling.push_back(pipeline_.image(held_.samples[i].ceiling, subject.output));
    }
    auto comparisons = compare_maps(maps, options_.seed);
    if (is_image && can_find_objects()) {
      const Areas seen = segment(maps.ceiling);
      comparisons.push_back(compare_main_object(segment(maps.model), seen, scenes(), held_.classes));
    }
    if (is_image && judge_ && has_captions())
      for (auto& comparison : compare_as_illustrations(maps)) comparisons.push_back(std::move(comparison));
    return comparisons;
  }

  bool has_captions() const {
    return std::none_of(held_.samples.begin(), held_.samples.end(), [](const auto& s) { return s.caption.empty(); });
  }

  std::vector<Comparison> compare_as_illustrations(const MapAnswers& maps) const {
    std::vector<std::string> captions;
    for (const auto& sample : held_.samples) captions.push_back(sample.caption);
    return compare_text_image(judge_->embed(maps.model), judge_->embed(maps.ceiling), judge_->embed(captions),
                              captions);
  }

  std::vector<Comparison> compare_as_captions(const Subject& subject, const std::vector<Canvas>& answers) const {
    std::vector<std::string> model, truth;
    for (size_t i = 0; i < answers.size(); ++i) {
      model.push_back(pipeline_.text(answers[i], subject.output));
      truth.push_back(held_.samples[i].caption);
    }
    return compare_captions(model, truth, scenes());
  }

  std::vector<Comparison> compare_as_boxes(const Subject& subject, const std::vector<Canvas>& answers) const {
    std::vector<Boxes> model, ceiling, truth;
    for (size_t i = 0; i < answers.size(); ++i) {
      model.push_back(pipeline_.boxes(answers[i], subject.output));
      ceiling.push_back(pipeline_.boxes(held_.samples[i].ceiling, subject.output));
      truth.push_back(held_.samples[i].boxes);
    }
    return {compare_boxes(model, ceiling, truth, options_.seed)};
  }

  std::vector<SceneObjects> scenes() const {
    std::vector<SceneObjects> scenes;
    for (const auto& sample : held_.samples) scenes.push_back(sample.scene);
    return scenes;
  }

  bool has_segmentation() const {
    const Subject* image = held_.written("rgb");
    return held_.written("semseg") && image && !image->input.empty();
  }
  bool can_find_objects() const { return held_.scenes && has_segmentation() && !held_.classes.empty(); }

  // What the model's own segmenter sees in images, one a sample.
  Areas segment(const std::vector<StoredImage>& images) const {
    const std::string& labels = held_.written("semseg")->output;
    const auto start = [&](size_t i) {
      Canvas canvas;
      canvas.key = i;
      pipeline_.set_image(canvas, held_.subject("rgb").input, images[i]);
      return canvas;
    };
    const auto answers =
        answer(pipeline_, images.size(), start, {most_likely(pipeline_.modality(labels))}, options_.seed);
    Areas areas;
    for (const auto& answer : answers) areas.push_back(label_areas(std::get<Image>(pipeline_.image(answer, labels))));
    return areas;
  }

  const Pipeline& pipeline_;
  const EvaluateOptions& options_;
  HeldOut held_;
  std::optional<ImageText> judge_;
};

}  // namespace

Json evaluate(const Pipeline& pipeline, const EvaluateOptions& options) { return Evaluation(pipeline, options).run(); }

}  // namespace fourm
