#include "fourm/eval/evaluate.h"

#include <algorithm>

#include "fourm/clip/image_text.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/eval/held_out.h"
#include "fourm/eval/map_comparisons.h"
#include "fourm/eval/predict.h"
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
    if (!options.image_text.empty())
      image_text_ = ImageText::open(options.image_text, {.device = pipeline.compute().first_device()});
  }

  EvaluationResult run() const {
    EvaluationResult result{
        options_.data, static_cast<int64_t>(held_.samples.size()), held_.left_out, {}, not_measured()};
    Progress progress("eval", static_cast<int64_t>(options_.inputs.size() * held_.subjects.size()));
    int64_t done = 0;
    bool is_empty = true;
    for (const auto& set : options_.inputs) {
      result.input_sets.push_back({set, {}});
      auto& measures = result.input_sets.back().measures;
      for (const auto& subject : held_.subjects) {
        const auto inputs = held_.inputs(set, subject.name);
        if (subject.is_target(inputs))
          for (auto& comparison : compare_subject(subject, inputs)) measures.push_back(std::move(comparison));
        progress.update(++done, set + " -> " + subject.name);
      }
      is_empty = is_empty && measures.empty();
    }
    check(!is_empty, options_.data, ": nothing can be measured for the inputs ", join(options_.inputs, ", "),
          reasons(result.not_measured));
    return result;
  }

 private:
  // The outputs of the model and the folders of the data set that no measure covers.
  std::vector<Unmeasured> not_measured() const {
    std::vector<Unmeasured> list = held_.not_measured;
    if (held_.output("caption") && !held_.scenes)
      list.push_back(
          {held_.output("caption")->output, "the data set has no folder scene, which says what a caption should name"});
    if (!held_.output("rgb")) return list;
    if (!can_find_objects())
      list.push_back({"rgb: main object found",
                      !held_.scenes ? "the data set has no folder scene"
                      : !has_segmentation()
                          ? "it takes a model that reads rgb and writes semseg, and both in the data set"
                          : "the data set has no dataset.yaml with semseg_classes, the names of its labels"});
    if (!image_text_)
      list.push_back({"rgb: caption outranks others, cosine to caption", "there is no image-text model; name one"});
    else if (!has_captions())
      list.push_back(
          {"rgb: caption outranks others, cosine to caption", "not every sample has a caption that the model knows"});
    return list;
  }

  static std::string reasons(const std::vector<Unmeasured>& list) {
    std::string text;
    for (const auto& [what, reason] : list) text += "; " + what + ": " + reason;
    return text;
  }

  std::vector<Comparison> compare_subject(const Subject& subject, const std::vector<std::string>& inputs) const {
    if (subject.name == "caption" && !held_.scenes) return {};
    const bool is_image = subject.name == "rgb";
    const Modality modality = pipeline_.modality(subject.output);
    const auto predictions = predict(
        pipeline_, held_.samples.size(), [&](size_t i) { return held_.canvas(i, inputs); },
        is_image ? chained_image(pipeline_, subject.output, inputs) : std::vector{most_likely(modality)},
        options_.seed);
    if (subject.name == "caption") return compare_as_captions(subject, predictions);
    if (subject.name == "det") return compare_as_boxes(subject, predictions);
    MapPredictions maps{pipeline_.input_config(subject.output), {}, {}, {}};
    for (size_t i = 0; i < predictions.size(); ++i) {
      maps.truth.push_back(held_.samples[i].images.at(subject.name));
      maps.model.push_back(pipeline_.image(predictions[i], subject.output));
      maps.ceiling.push_back(pipeline_.image(held_.samples[i].ceiling, subject.output));
    }
    auto comparisons = compare_maps(maps, options_.seed);
    if (is_image && can_find_objects()) {
      const Areas in_truth = segment(maps.ceiling);
      comparisons.push_back(compare_main_object(segment(maps.model), in_truth, scenes(), held_.classes));
    }
    if (is_image && image_text_ && has_captions())
      for (auto& comparison : compare_with_captions(maps)) comparisons.push_back(std::move(comparison));
    return comparisons;
  }

  bool has_captions() const {
    return std::none_of(held_.samples.begin(), held_.samples.end(), [](const auto& s) { return s.caption.empty(); });
  }

  std::vector<Comparison> compare_with_captions(const MapPredictions& maps) const {
    std::vector<std::string> captions;
    for (const auto& sample : held_.samples) captions.push_back(sample.caption);
    return compare_text_image(image_text_->embed(maps.model), image_text_->embed(maps.ceiling),
                              image_text_->embed(captions), captions);
  }

  std::vector<Comparison> compare_as_captions(const Subject& subject, const std::vector<Canvas>& predictions) const {
    std::vector<std::string> model, truth;
    for (size_t i = 0; i < predictions.size(); ++i) {
      model.push_back(pipeline_.text(predictions[i], subject.output));
      truth.push_back(held_.samples[i].caption);
    }
    return compare_captions(model, truth, scenes());
  }

  std::vector<Comparison> compare_as_boxes(const Subject& subject, const std::vector<Canvas>& predictions) const {
    std::vector<Boxes> model, ceiling, truth;
    for (size_t i = 0; i < predictions.size(); ++i) {
      model.push_back(pipeline_.boxes(predictions[i], subject.output));
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
    const Subject* image = held_.output("rgb");
    return held_.output("semseg") && image && !image->input.empty();
  }
  bool can_find_objects() const { return held_.scenes && has_segmentation() && !held_.classes.empty(); }

  // The areas of the labels that the evaluated model predicts for images, one a sample.
  Areas segment(const std::vector<StoredImage>& images) const {
    const std::string& labels = held_.output("semseg")->output;
    const auto start = [&](size_t i) {
      Canvas canvas;
      canvas.key = i;
      pipeline_.add_image(canvas, held_.subject("rgb").input, images[i]);
      return canvas;
    };
    const auto predictions =
        predict(pipeline_, images.size(), start, {most_likely(pipeline_.modality(labels))}, options_.seed);
    Areas areas;
    for (const auto& prediction : predictions)
      areas.push_back(label_areas(std::get<Image>(pipeline_.image(prediction, labels))));
    return areas;
  }

  const Pipeline& pipeline_;
  const EvaluateOptions& options_;
  HeldOut held_;
  std::optional<ImageText> image_text_;
};

}  // namespace

EvaluationResult evaluate(const Pipeline& pipeline, const EvaluateOptions& options) {
  return Evaluation(pipeline, options).run();
}

}  // namespace fourm
