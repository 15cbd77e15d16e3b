#include "fourm/eval/evaluate.h"

#include <algorithm>
#include <functional>

#include "fourm/clip/image_text.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/eval/caption_comparison.h"
#include "fourm/eval/evaluation_set.h"
#include "fourm/eval/frechet.h"
#include "fourm/eval/map_comparisons.h"
#include "fourm/eval/predict.h"
#include "fourm/eval/text_image.h"
#include "fourm/eval/token_comparison.h"

namespace fourm {
namespace {

class Evaluation {
 public:
  Evaluation(const Pipeline& pipeline, const EvaluateOptions& options, const ProcessGroup& group)
      : pipeline_(pipeline),
        options_(options),
        group_(group),
        plan_(options.plan.empty() ? std::nullopt : std::optional(pipeline.read_plan(options.plan))),
        set_(EvaluationSet::read(pipeline, options.data, options.count, options.inputs, group)) {
    if (!options.image_text.empty())
      image_text_ = ImageText::open(options.image_text, {.device = pipeline.compute().first_device()});
  }

  EvaluationResult run() const {
    EvaluationResult result = empty_result();
    Progress progress("eval", static_cast<int64_t>(options_.inputs.size() * set_.modalities.size()));
    int64_t done = 0;
    bool is_empty = true;
    for (const auto& set : options_.inputs) {
      result.input_sets.push_back({set, {}});
      auto& measures = result.input_sets.back().measures;
      for (const auto& evaluated : set_.modalities) {
        const auto inputs = set_.inputs(set, evaluated.name);
        if (evaluated.is_target(inputs))
          for (auto& comparison : compare_modality(evaluated, inputs)) measures.push_back(std::move(comparison));
        progress.update(++done, set + " -> " + evaluated.name);
      }
      is_empty = is_empty && measures.empty();
    }
    check(!is_empty, options_.data, ": nothing can be measured for the inputs ", join(options_.inputs, ", "),
          reasons(result.not_measured));
    return result;
  }

  EvaluationResult run(const std::vector<ImagePlan>& plans) const {
    const EvaluatedModality* image = set_.output("rgb");
    check(image, options_.data,
          ": images cannot be measured: the model generates none, or the data set has no folder rgb");
    const auto inputs = set_.inputs(options_.inputs[0], image->name);
    check(image->is_target(inputs), "the inputs ", options_.inputs[0], " leave no image to generate");
    EvaluationResult result = empty_result();
    Progress progress("eval", static_cast<int64_t>(plans.size()));
    for (const auto& [name, plan] : plans) {
      progress.update(static_cast<int64_t>(result.input_sets.size()), name);
      const auto start = [&](size_t i) { return set_.canvas(i, inputs); };
      result.input_sets.push_back(
          {name, compare_as_maps(*image, predict(pipeline_, set_.samples.size(), start, plan, options_.seed, group_))});
    }
    return result;
  }

 private:
  EvaluationResult empty_result() const {
    return {options_.data, static_cast<int64_t>(set_.samples.size()), set_.left_out, {}, not_measured()};
  }

  // The outputs of the model and the folders of the data set that no measure covers.
  std::vector<Unmeasured> not_measured() const {
    std::vector<Unmeasured> list = set_.not_measured;
    if (set_.output("caption") && !set_.scenes)
      list.push_back({set_.output("caption")->output + ": objects named",
                      "the data set has no folder scene, which says what a caption should name"});
    if (!set_.output("rgb")) return list;
    if (!can_find_objects())
      list.push_back({"rgb: main object, colours, places and boxes found",
                      !set_.scenes ? "the data set has no folder scene"
                      : !set_.has_segmentation()
                          ? "it takes a model that reads rgb and generates semseg, and both in the data set"
                          : "the data set has no dataset.yaml with semseg_classes, the names of its labels"});
    if (!image_text_)
      list.push_back({"rgb: caption outranks others, cosine to caption, Frechet distance",
                      "there is no image-text model; name one"});
    else if (!has_captions())
      list.push_back(
          {"rgb: caption outranks others, cosine to caption", "not every sample has a caption without unknown words"});
    return list;
  }

  static std::string reasons(const std::vector<Unmeasured>& list) {
    std::string text;
    for (const auto& [what, reason] : list) text += "; " + what + ": " + reason;
    return text;
  }

  std::vector<Comparison> compare_modality(const EvaluatedModality& evaluated,
                                           const std::vector<std::string>& inputs) const {
    const bool is_image = evaluated.name == "rgb";
    const Modality modality = pipeline_.modality(evaluated.output);
    const auto predictions = predict(
        pipeline_, set_.samples.size(), [&](size_t i) { return set_.canvas(i, inputs); },
        is_image ? plan_of_images(evaluated.output, inputs) : in_order({most_likely(modality)}), options_.seed, group_);
    if (evaluated.as_tokens) return compare_as_tokens(evaluated, predictions);
    if (evaluated.name == "caption") return compare_as_captions(evaluated, predictions);
    if (evaluated.name == "det") return compare_as_boxes(evaluated, predictions);
    return compare_as_maps(evaluated, predictions);
  }

  std::vector<Comparison> compare_as_maps(const EvaluatedModality& evaluated,
                                          const std::vector<Canvas>& predictions) const {
    const bool is_image = evaluated.name == "rgb";
    MapPredictions maps{pipeline_.input_config(evaluated.output), {}, {}, {}, options_.align_depth};
    const size_t n = predictions.size();
    for (size_t i = 0; i < n; ++i) maps.truth.push_back(set_.samples[i].images.at(evaluated.name));
    const auto decode = [&](const std::function<const Canvas&(size_t)>& canvas) {
      return decode_images(pipeline_, n, canvas, evaluated.output, group_);
    };
    maps.model = decode([&](size_t i) -> const Canvas& { return predictions[i]; });
    maps.ceiling = decode([&](size_t i) -> const Canvas& { return set_.samples[i].ceiling; });
    auto comparisons = compare_maps(maps, options_.seed);
    if (is_image)
      for (auto& comparison : compare_images(maps)) comparisons.push_back(std::move(comparison));
    return comparisons;
  }

  // The plan of the options, or the model's default settings.
  Plan plan_of_images(const std::string& image, const std::vector<std::string>& inputs) const {
    if (!plan_) return pipeline_.default_plan(inputs, {image});
    check(plan_->targets.back().modality == image, options_.plan, ": the last target is ",
          plan_->targets.back().modality, ", expected ", image, ", which is measured");
    return *plan_;
  }

  std::vector<Comparison> compare_images(const MapPredictions& maps) const {
    std::vector<Comparison> comparisons;
    const auto add = [&](Comparison comparison) {
      if (comparison.model.count > 0) comparisons.push_back(std::move(comparison));
    };
    if (can_find_objects()) {
      const auto generated = segment(maps.model), truth = segment(maps.ceiling);
      add(compare_main_object(areas(generated), areas(truth), scenes(), set_.classes));
      if (has_captions()) {
        const auto in_generated = views(maps.model, generated), in_truth = views(maps.ceiling, truth);
        add(compare_colours(in_generated, in_truth, captions(), set_.classes));
        add(compare_places(in_generated, in_truth, captions(), set_.classes));
      }
      if (has_boxes()) add(compare_box_contents(generated, truth, boxes(), set_.classes));
    }
    if (!image_text_) return comparisons;
    if (has_captions())
      for (auto& comparison : compare_text_image(image_text_->embed(maps.model), image_text_->embed(maps.ceiling),
                                                 image_text_->embed(captions()), captions()))
        add(std::move(comparison));
    add(compare_frechet(*image_text_, maps.model, maps.truth, maps.ceiling, options_.seed));
    return comparisons;
  }

  bool has_captions() const {
    return std::none_of(set_.samples.begin(), set_.samples.end(), [](const auto& s) { return s.caption.empty(); });
  }

  bool has_boxes() const {
    return std::any_of(set_.samples.begin(), set_.samples.end(), [](const auto& s) { return !s.boxes.empty(); });
  }

  std::vector<std::string> captions() const {
    std::vector<std::string> captions;
    for (const auto& sample : set_.samples) captions.push_back(sample.caption);
    return captions;
  }

  std::vector<Boxes> boxes() const {
    std::vector<Boxes> boxes;
    for (const auto& sample : set_.samples) boxes.push_back(sample.boxes);
    return boxes;
  }

  std::vector<Comparison> compare_as_captions(const EvaluatedModality& evaluated,
                                              const std::vector<Canvas>& predictions) const {
    const WordPiece& words = pipeline_.text_tokenizer();
    std::vector<std::string> model, ceiling, captions;
    std::vector<std::vector<std::string>> truth;
    for (size_t i = 0; i < predictions.size(); ++i) {
      const EvaluationSample& sample = set_.samples[i];
      model.push_back(pipeline_.text(predictions[i], evaluated.output));
      ceiling.push_back(words.decode(words.encode(sample.caption), true));
      captions.push_back(sample.caption);
      truth.push_back(sample.captions);
    }
    auto comparisons = compare_caption_words(model, ceiling, truth, options_.seed);
    if (set_.scenes)
      for (auto& comparison : compare_captions(model, captions, scenes())) comparisons.push_back(std::move(comparison));
    return comparisons;
  }

  std::vector<Comparison> compare_as_boxes(const EvaluatedModality& evaluated,
                                           const std::vector<Canvas>& predictions) const {
    std::vector<Boxes> model, ceiling, truth;
    for (size_t i = 0; i < predictions.size(); ++i) {
      model.push_back(pipeline_.boxes(predictions[i], evaluated.output));
      ceiling.push_back(pipeline_.boxes(set_.samples[i].ceiling, evaluated.output));
      truth.push_back(set_.samples[i].boxes);
    }
    return compare_boxes(model, ceiling, truth, options_.seed);
  }

  std::vector<Comparison> compare_as_tokens(const EvaluatedModality& evaluated,
                                            const std::vector<Canvas>& predictions) const {
    const Modality modality = pipeline_.modality(evaluated.output);
    TokenLists model, truth;
    for (size_t i = 0; i < predictions.size(); ++i) {
      model.push_back(tokens_of(pipeline_, predictions[i], modality));
      truth.push_back(tokens_of(pipeline_, set_.samples[i].ceiling, modality));
    }
    return compare_tokens(evaluated.name, model, truth);
  }

  std::vector<SceneObjects> scenes() const {
    std::vector<SceneObjects> scenes;
    for (const auto& sample : set_.samples) scenes.push_back(sample.scene);
    return scenes;
  }

  bool can_find_objects() const { return set_.scenes && set_.has_segmentation() && !set_.classes.empty(); }

  std::vector<Raster<uint8_t>> segment(const std::vector<StoredImage>& images) const {
    return fourm::segment(pipeline_, set_.input("rgb").input, set_.output("semseg")->output, images, options_.seed,
                          group_);
  }

  static std::vector<std::vector<double>> areas(const std::vector<Raster<uint8_t>>& maps) {
    std::vector<std::vector<double>> areas;
    for (const auto& map : maps) areas.push_back(label_areas(map));
    return areas;
  }

  std::vector<SceneView> views(const std::vector<StoredImage>& images, const std::vector<Raster<uint8_t>>& maps) const {
    std::vector<SceneView> views;
    for (size_t i = 0; i < images.size(); ++i)
      views.push_back(view_of(std::get<Image>(images[i]), maps[i], set_.classes));
    return views;
  }

  const Pipeline& pipeline_;
  const EvaluateOptions& options_;
  ProcessGroup group_;
  std::optional<Plan> plan_;
  EvaluationSet set_;
  std::optional<ImageText> image_text_;
};

}  // namespace

EvaluationResult evaluate(const Pipeline& pipeline, const EvaluateOptions& options, const ProcessGroup& group) {
  return Evaluation(pipeline, options, group).run();
}

EvaluationResult evaluate_images(const Pipeline& pipeline, const EvaluateOptions& options,
                                 const std::vector<ImagePlan>& plans, const ProcessGroup& group) {
  check(options.inputs.size() == 1, "ways to generate images are compared for one input set, got ",
        join(options.inputs, ", "));
  return Evaluation(pipeline, options, group).run(plans);
}

}  // namespace fourm
