#include "fourm/eval/predict.h"

#include <algorithm>

#include "fourm/eval/all_gather.h"

namespace fourm {

constexpr int64_t kBatch = 25;

Target most_likely(const Modality& modality) {
  Target target;
  target.modality = modality.name;
  target.scheme = modality.kind == ModalityKind::kSequence ? "autoregressive" : "roar";
  target.temperature = 0;
  return target;
}

Plan in_order(const std::vector<Target>& targets) {
  Plan plan;
  plan.targets = targets;
  plan.top_p = 0.8;
  return plan;
}

std::vector<Canvas> predict(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                            const Plan& plan, uint64_t seed, const ProcessGroup& group) {
  std::vector<Canvas> predictions;
  const int64_t begin = group.begin(static_cast<int64_t>(n)), end = group.end(static_cast<int64_t>(n));
  {
    const ProcessGroup::Busy busy(group);
    for (int64_t first = begin; first < end; first += kBatch) {
      std::vector<Canvas> batch;
      for (int64_t i = first; i < std::min(end, first + kBatch); ++i) batch.push_back(start(static_cast<size_t>(i)));
      pipeline.run(batch, plan, {seed, true, {}});
      for (auto& canvas : batch) {
        canvas.entries = {*canvas.find(plan.targets.back().modality)};
        predictions.push_back(std::move(canvas));
      }
    }
  }
  return all_gather(std::move(predictions), group);
}

std::vector<Canvas> predict(const Pipeline& pipeline, size_t n, const std::function<Canvas(size_t)>& start,
                            const std::vector<Target>& targets, uint64_t seed, const ProcessGroup& group) {
  return predict(pipeline, n, start, in_order(targets), seed, group);
}

std::vector<StoredImage> decode_images(const Pipeline& pipeline, size_t n,
                                       const std::function<const Canvas&(size_t)>& canvas, const std::string& modality,
                                       const ProcessGroup& group) {
  std::vector<StoredImage> images;
  const int64_t begin = group.begin(static_cast<int64_t>(n)), end = group.end(static_cast<int64_t>(n));
  {
    const ProcessGroup::Busy busy(group);
    for (int64_t i = begin; i < end; ++i) images.push_back(pipeline.image(canvas(static_cast<size_t>(i)), modality));
  }
  return all_gather(std::move(images), group);
}

std::vector<Raster<uint8_t>> segment(const Pipeline& pipeline, const std::string& input, const std::string& labels,
                                     const std::vector<StoredImage>& images, uint64_t seed, const ProcessGroup& group) {
  const auto start = [&](size_t i) {
    Canvas canvas;
    canvas.key = i;
    pipeline.add_image(canvas, input, images[i]);
    return canvas;
  };
  const auto predictions =
      predict(pipeline, images.size(), start, {most_likely(pipeline.modality(labels))}, seed, group);
  std::vector<Raster<uint8_t>> maps;
  for (auto& map : decode_images(
           pipeline, predictions.size(), [&](size_t i) -> const Canvas& { return predictions[i]; }, labels, group))
    maps.push_back(std::get<Image>(std::move(map)));
  return maps;
}

std::vector<int64_t> tokens_of(const Pipeline& pipeline, const Canvas& canvas, const Modality& modality) {
  std::vector<int64_t> tokens = pipeline.tokens(canvas, modality.name);
  const std::vector<bool>& known = canvas.find(modality.name)->known;
  for (size_t i = 0; i < tokens.size(); ++i)
    if (!known[i]) tokens[i] = kUnknownToken;
  if (modality.is_sequence()) std::erase(tokens, pipeline.text_tokenizer().pad());
  return tokens;
}

}  // namespace fourm
