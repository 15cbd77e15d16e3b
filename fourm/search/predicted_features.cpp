#include "fourm/search/predicted_features.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

bool has_features(const Pipeline& pipeline, const std::string& modality) {
  return pipeline.modality(modality).kind == ModalityKind::kTokens && pipeline.has_tokenizer(modality) &&
         pipeline.input_config(modality).has_features();
}

// Smaller is preferred.
int rank_of(const std::string& modality) {
  const std::string base = base_name(modality);
  if (base == "imagebind_global") return 0;
  if (base == "dinov2_global") return 1;
  if (base == "global" || base.ends_with("_global")) return 2;
  return base == "clip" ? 3 : 4;
}

std::string features_of(const Pipeline& pipeline, const std::string& name) {
  std::vector<std::string> candidates;
  for (const auto& output : pipeline.outputs())
    if (has_features(pipeline, output)) candidates.push_back(output);
  if (!name.empty()) {
    const std::string chosen = pipeline.output_name(name);
    check(contains(candidates, chosen), printable(name), " is not decoded into features",
          candidates.empty() ? "" : "; these are: " + join(candidates, ", "));
    return chosen;
  }
  check(!candidates.empty(),
        "the model generates no features: none of its outputs has a tokenizer that decodes into them");
  return *std::min_element(candidates.begin(), candidates.end(),
                           [](const auto& a, const auto& b) { return rank_of(a) < rank_of(b); });
}

// Pixels rather than tokens of them.
std::string image_input_of(const Pipeline& pipeline) {
  std::string found;
  for (const auto& input : pipeline.inputs()) {
    const bool is_pixels = pipeline.modality(input).kind == ModalityKind::kPixels;
    const bool is_image = base_name(input) == "rgb" && (is_pixels || pipeline.has_tokenizer(input));
    if (is_image && (is_pixels || found.empty())) found = input;
  }
  check(!found.empty(), "the model reads no images: it has neither pixels nor tokens of rgb with a tokenizer");
  return found;
}

Embedding mean_direction(const Raster<float>& map) {
  const auto width = static_cast<size_t>(map.channels);
  std::vector<double> sum(width);
  for (size_t i = 0; i < map.pixels.size(); ++i) sum[i % width] += map.pixels[i];
  double square = 0;
  for (const double value : sum) square += value * value;
  Embedding direction(width);
  for (size_t c = 0; c < width && square > 0; ++c) direction[c] = static_cast<float>(sum[c] / std::sqrt(square));
  return direction;
}

}  // namespace

FeaturePredictor::FeaturePredictor(const Pipeline& pipeline, const std::string& name)
    : pipeline_(pipeline), modality_(features_of(pipeline, name)), image_(image_input_of(pipeline)) {}

std::vector<Embedding> FeaturePredictor::predict(std::vector<Canvas> canvases) const {
  Plan plan;
  plan.targets = {{.modality = modality_, .scheme = "roar", .temperature = 0}};
  std::vector<size_t> places;  // of the canvases on which features are to be generated
  std::vector<Canvas> open;
  for (size_t i = 0; i < canvases.size(); ++i) {
    const auto* entry = canvases[i].find(modality_);
    if (entry && entry->is_whole()) continue;
    places.push_back(i);
    open.push_back(std::move(canvases[i]));
  }
  if (!open.empty()) pipeline_.run(open, plan, {.seed = 0, .draw = false});
  for (size_t k = 0; k < open.size(); ++k) canvases[places[k]] = std::move(open[k]);
  std::vector<Embedding> features;
  for (const Canvas& canvas : canvases)
    features.push_back(mean_direction(std::get<Raster<float>>(pipeline_.image(canvas, modality_))));
  return features;
}

std::vector<Embedding> FeaturePredictor::predict(const std::vector<StoredImage>& images) const {
  std::vector<Canvas> canvases(images.size());
  for (size_t i = 0; i < images.size(); ++i) pipeline_.add_image(canvases[i], image_, images[i]);
  return predict(std::move(canvases));
}

}  // namespace fourm
