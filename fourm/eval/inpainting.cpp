#include "fourm/eval/inpainting.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/eval/evaluation_set.h"
#include "fourm/eval/predict.h"
#include "fourm/generate/keep_region.h"

namespace fourm {
namespace {

constexpr uint8_t kNotCompared = 255;  // a label

class Inpainting {
 public:
  Inpainting(const Pipeline& pipeline, const EvaluateOptions& options, const std::string& keep,
             const ProcessGroup& group)
      : pipeline_(pipeline),
        options_(options),
        group_(group),
        set_(EvaluationSet::read(pipeline, options.data, options.count, {}, group)),
        image_(image_tokens()) {
    const Modality modality = pipeline.modality(image_);
    kept_ = KeepRegion::parse(keep).tokens(modality.max_tokens, modality.grid());
    const auto kept = std::count(kept_.begin(), kept_.end(), true);
    check(kept > 0 && kept < modality.max_tokens, "the region ", keep, " keeps ", kept, " of ", modality.max_tokens,
          " tokens; choose a region that keeps some of them");
    hidden_ = hidden_pixels(static_cast<int>(modality.grid()));
    for (const auto& sample : set_.samples) truth_.push_back(std::get<Image>(sample.images.at("rgb")));
    ceiling_ = decode_images(
        pipeline, truth_.size(), [&](size_t i) -> const Canvas& { return set_.samples[i].ceiling; }, image_, group_);
    if (set_.has_segmentation()) true_maps_ = segment(ceiling_);
  }

  EvaluationResult run(const std::string& keep) const {
    std::vector<std::string> inputs;
    for (const auto& set : options_.inputs) {
      for (const auto& name : set_.inputs(set, "rgb")) {
        check(base_name(name) != "rgb", "the inputs ", printable(set),
              " hold the image, which in-painting completes; give others");
        if (!contains(inputs, name)) inputs.push_back(name);
      }
    }
    EvaluationResult result{options_.data, static_cast<int64_t>(set_.samples.size()), set_.left_out, {}, {}};
    const Generated without = generate({}, false), with = generate(inputs, true);
    result.input_sets.push_back(
        {concat("kept ", keep, inputs.empty() ? "" : " and " + join(inputs, ", ")), compare(with, without)});
    result.input_sets.push_back({"unconditional", compare(without, without)});
    if (!set_.has_segmentation())
      result.not_measured.push_back({"rgb: hidden part, mIoU", "it takes a model that reads rgb and generates semseg"});
    return result;
  }

 private:
  std::string image_tokens() const {
    const EvaluatedModality* image = set_.output("rgb");
    check(image, options_.data,
          ": images cannot be measured: the model generates none, or the data set has no folder rgb");
    check(contains(pipeline_.inputs(), image->output),
          "in-painting gives tokens of the image, and the model does not read '", image->output, "'");
    return image->output;
  }

  // 1 where no kept token covers the pixel.
  KnownPixels hidden_pixels(int grid) const {
    const auto& image = std::get<Image>(set_.samples[0].images.at("rgb"));
    KnownPixels hidden(image.area());
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x)
        hidden[static_cast<size_t>(y) * image.width + x] =
            !kept_[(y * grid / image.height) * grid + x * grid / image.width];
    return hidden;
  }

  struct Generated {
    std::vector<StoredImage> images;
    std::vector<Raster<uint8_t>> maps;  // their segmentation, where there is one
  };

  Generated generate(const std::vector<std::string>& inputs, bool keep) const {
    std::vector<std::string> given = inputs;
    if (keep) given.push_back(image_);
    const auto start = [&](size_t i) {
      Canvas canvas = set_.canvas(i, inputs);
      if (!keep) return canvas;
      std::vector<int64_t> tokens = pipeline_.tokens(set_.samples[i].ceiling, image_);
      for (size_t t = 0; t < tokens.size(); ++t)
        if (!kept_[t]) tokens[t] = kUnknownToken;
      pipeline_.add_tokens(canvas, image_, tokens);
      return canvas;
    };
    const auto canvases =
        predict(pipeline_, set_.samples.size(), start, pipeline_.default_plan(given, {image_}), options_.seed, group_);
    Generated result;
    result.images = decode_images(
        pipeline_, canvases.size(), [&](size_t i) -> const Canvas& { return canvases[i]; }, image_, group_);
    if (set_.has_segmentation()) result.maps = segment(result.images);
    return result;
  }

  std::vector<Raster<uint8_t>> segment(const std::vector<StoredImage>& images) const {
    return fourm::segment(pipeline_, set_.input("rgb").input, set_.output("semseg")->output, images, options_.seed,
                          group_);
  }

  std::vector<double> psnr_of(const std::vector<StoredImage>& images) const {
    std::vector<double> values;
    for (size_t i = 0; i < images.size(); ++i)
      values.push_back(bounded_psnr(std::get<Image>(images[i]), truth_[i], hidden_));
    return values;
  }

  double mean_iou(const std::vector<Raster<uint8_t>>& maps, const std::vector<size_t>& samples) const {
    Confusion confusion(256, kNotCompared);
    for (const size_t i : samples) {
      Raster<uint8_t> truth = true_maps_[i];
      for (size_t p = 0; p < truth.area(); ++p)
        if (!hidden_[p]) truth.pixels[p] = kNotCompared;
      confusion.add(maps[i], truth);
    }
    return confusion.mean_iou();
  }

  std::vector<Comparison> compare(const Generated& generated, const Generated& baseline) const {
    std::vector<Comparison> comparisons{fourm::compare("rgb: hidden part, PSNR", "dB", true, psnr_of(generated.images),
                                                       psnr_of(ceiling_), psnr_of(baseline.images))};
    if (!set_.has_segmentation()) return comparisons;
    std::vector<size_t> all(generated.images.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    comparisons.push_back(
        {"rgb: hidden part, mIoU", "", true,
         bootstrap(all.size(), options_.seed, [&](const auto& samples) { return mean_iou(generated.maps, samples); }),
         1, mean_iou(baseline.maps, all)});
    return comparisons;
  }

  const Pipeline& pipeline_;
  const EvaluateOptions& options_;
  ProcessGroup group_;
  EvaluationSet set_;
  std::string image_;       // "tok_rgb@128"
  std::vector<bool> kept_;  // [L]
  KnownPixels hidden_;
  std::vector<Image> truth_;
  std::vector<StoredImage> ceiling_;
  std::vector<Raster<uint8_t>> true_maps_;
};

}  // namespace

EvaluationResult evaluate_inpainting(const Pipeline& pipeline, const EvaluateOptions& options, const std::string& keep,
                                     const ProcessGroup& group) {
  return Inpainting(pipeline, options, keep, group).run(keep);
}

}  // namespace fourm
