#include "fourm/transfer/measure.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <utility>

#include "fourm/coco/evaluation.h"
#include "fourm/core/json.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/eval/box_comparison.h"
#include "fourm/eval/measures.h"

namespace fourm {
namespace {

using Sums = std::vector<double>;

struct ViewedBatch {
  std::vector<StoredImage> images, maps;
  std::vector<int64_t> labels;
  std::vector<std::vector<LabelledObject>> objects;
};

int64_t sample_count(const LabelledSet& set, const MeasureOptions& options) {
  return options.count > 0 ? std::min(options.count, set.size()) : set.size();
}

ViewedBatch load_batch(const TransferConfig& config, const LabelledSet& set, int64_t begin, int64_t end,
                       const MeasureOptions& options) {
  const auto n = static_cast<size_t>(end - begin);
  const bool has_map = config.kind() == Task::kSemseg || config.kind() == Task::kDepth;
  ViewedBatch batch{std::vector<StoredImage>(n), std::vector<StoredImage>(has_map ? n : 0), std::vector<int64_t>(n),
                    std::vector<std::vector<LabelledObject>>(n)};
  parallel_for(end - begin, [&](int64_t k) {
    LabelledSample sample = set.load(begin + k);
    const int size = static_cast<int>(config.size());
    const CropView view =
        fitted_view(width_of(sample.image), height_of(sample.image), parse_fit(config.fit), config.crop_share);
    batch.images[k] = apply_view(input_kind("rgb"), sample.image, view, size);
    batch.labels[k] = sample.label;
    batch.objects[k] = visible_objects(sample.objects, view, size);
    if (!has_map) return;
    const bool depth = config.kind() == Task::kDepth;
    if (depth && options.eigen_crop) apply_eigen_crop(std::get<Raster<float>>(*sample.map));
    batch.maps[k] = apply_view(input_kind(depth ? "depth" : "semseg"), *sample.map, view, size);
  });
  return batch;
}

// Adds to {top1, top5, loss, count}.
void add_classes(const Tensor& probabilities, const std::vector<int64_t>& labels, Sums& sums) {
  const Tensor truth = at::tensor(labels, at::kLong).unsqueeze(1);
  const Tensor own = probabilities.gather(1, truth);
  // Of classes that are as likely as the true one, half rank before it, so that a constant prediction is not right.
  const Tensor before =
      (probabilities > own).sum(1).to(at::kDouble) + ((probabilities == own).sum(1).to(at::kDouble) - 1) / 2;
  const Tensor is_number = own.squeeze(1).isfinite();
  sums[0] += (before < 1).logical_and(is_number).sum().item<double>();
  sums[1] += (before < 5).logical_and(is_number).sum().item<double>();
  sums[2] -= own.clamp_min(1e-12).log().sum().item<double>();
  sums[3] += static_cast<double>(labels.size());
}

constexpr std::pair<const char*, double DepthErrors::*> kDepthMeasures[] = {
    {"delta1", &DepthErrors::delta1},   {"delta2", &DepthErrors::delta2}, {"delta3", &DepthErrors::delta3},
    {"abs_rel", &DepthErrors::abs_rel}, {"rmse", &DepthErrors::rmse},     {"log10", &DepthErrors::log10}};

// Adds the errors of images with known depth, in the order of kDepthMeasures, then their number. metres [B, 1, S, S].
void add_depths(const Tensor& metres, const std::vector<StoredImage>& maps, const DepthRange& range, Sums& sums) {
  const Tensor contiguous = metres.contiguous();
  const auto* next = contiguous.const_data_ptr<float>();
  for (const auto& map : maps) {
    const auto& truth = std::get<Raster<float>>(map);
    Raster<float> predicted(truth.width, truth.height, 1);
    std::copy_n(next, predicted.pixels.size(), predicted.pixels.begin());
    next += predicted.pixels.size();
    if (std::none_of(truth.pixels.begin(), truth.pixels.end(), [&](float t) { return range.is_known(t); })) continue;
    const DepthErrors errors = depth_errors(predicted, truth, range);
    for (size_t i = 0; i < std::size(kDepthMeasures); ++i) sums[i] += errors.*kDepthMeasures[i].second;
    sums.back() += 1;
  }
}

// Adds to the confusion matrix; returns the sum of the losses of the labelled pixels. probabilities [B, classes, S, S], truth
// [B, S, S].
double add_labels(const Tensor& probabilities, const Tensor& truth, Confusion& confusion) {
  const Tensor known = truth != kNoLabel, labels = truth.masked_select(known);
  const Tensor predicted = probabilities.argmax(1).masked_select(known);
  const auto *p = predicted.const_data_ptr<int64_t>(), *l = labels.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < labels.numel(); ++i) confusion.add(p[i], l[i]);
  const Tensor own = probabilities.gather(1, at::where(known, truth, 0).unsqueeze(1)).squeeze(1);
  return -own.clamp_min(1e-12).log().masked_select(known).sum().item<double>();
}

// Objects as text, which processes exchange: their boxes in pixels of the square, and masks.
Json object_json(const LabelledBox& box, int64_t label, int64_t size, const RleMask* mask) {
  const auto side = static_cast<double>(size);
  const double left = box.xmin * side, top = box.ymin * side;
  Json json{
      {"label", label}, {"score", box.score}, {"box", {left, top, box.xmax * side - left, box.ymax * side - top}}};
  if (mask) json["mask"] = mask->text();
  return json;
}

CocoObject object_from(const Json& json, size_t image, int64_t size) {
  CocoObject object;
  object.image = image;
  object.category = json["label"].get<size_t>();
  object.score = json["score"].get<double>();
  object.crowd = json.value("crowd", false);
  object.box = json["box"].get<PixelBox>();
  if (json.contains("mask")) object.mask = RleMask::parse(size, size, json["mask"].get<std::string>());
  return object;
}

// An image as text: {"found": [...], "truth": [...]}, with masks or without.
Json image_json(const std::vector<FoundObject>& found, const std::vector<LabelledObject>& truth, int64_t size,
                bool masks) {
  Json json{{"found", Json::array()}, {"truth", Json::array()}};
  for (const auto& object : found) {
    std::optional<RleMask> mask;
    const auto corner = [size](double share) { return share * static_cast<double>(size); };
    const LabelledBox& b = object.box;
    if (masks)
      mask = pasted_mask(object.mask.data(), kMaskSide,
                         {corner(b.xmin), corner(b.ymin), corner(b.xmax), corner(b.ymax)}, size, size);
    json["found"].push_back(object_json(b, object.label, size, mask ? &*mask : nullptr));
  }
  for (const auto& object : truth) {
    json["truth"].push_back(object_json(object.box, object.label, size, masks ? &*object.mask : nullptr));
    json["truth"].back()["crowd"] = object.crowd;
  }
  return json;
}

std::map<std::string, double> measure_objects(const TransferModel& model, const LabelledSet& set,
                                              const MeasureOptions& options, const ProcessGroup& group) {
  const TransferConfig& config = model.config();
  const bool masks = config.head.masks && set.has_masks();
  Json own = Json::array();
  {
    const ProcessGroup::Busy busy(group);
    const int64_t n = sample_count(set, options);
    for (int64_t begin = group.begin(n), end = group.end(n); begin < end; begin += options.batch) {
      const ViewedBatch batch = load_batch(config, set, begin, std::min(end, begin + options.batch), options);
      const auto found = found_objects(model, byte_batch(batch.images));
      for (size_t i = 0; i < found.size(); ++i)
        own.push_back(image_json(found[i], batch.objects[i], config.size(), masks));
    }
  }
  CocoTruth truth;
  for (size_t k = 0; k < config.classes.size(); ++k) truth.category_places.emplace(static_cast<int64_t>(k), k);
  std::vector<CocoObject> found;
  size_t image_number = 0;
  for (const auto& text : group.all_gather(own.dump()))
    for (const auto& image : parse_json(text, "the objects")) {
      for (const auto& object : image["found"]) found.push_back(object_from(object, image_number, config.size()));
      for (const auto& object : image["truth"])
        truth.objects.push_back(object_from(object, image_number, config.size()));
      ++image_number;
    }
  std::map<std::string, double> measures;
  for (const CocoKind kind : {CocoKind::kBoxes, CocoKind::kMasks}) {
    if (kind == CocoKind::kMasks && !masks) continue;
    truth.kind = kind;
    for (auto* objects : {&truth.objects, &found})
      for (auto& object : *objects) object.area = area_of(object, kind);
    const DetectionScores scores = evaluate_detections(truth, found);
    const std::string prefix = kind == CocoKind::kBoxes ? "" : "mask_";
    measures[prefix + "AP"] = std::max(0.0, scores.ap);
    measures[prefix + "AP50"] = std::max(0.0, scores.ap50);
    measures[prefix + "AP75"] = std::max(0.0, scores.ap75);
  }
  return measures;
}

// Calls use(predictions, batch) for the batches of this process.
template <class Use>
void predict_batches(const TransferModel& model, const LabelledSet& set, const MeasureOptions& options,
                     const ProcessGroup& group, const Use& use) {
  const ProcessGroup::Busy busy(group);
  const int64_t n = sample_count(set, options);
  for (int64_t begin = group.begin(n), end = group.end(n); begin < end; begin += options.batch) {
    const ViewedBatch batch = load_batch(model.config(), set, begin, std::min(end, begin + options.batch), options);
    use(prediction(model, byte_batch(batch.images), options.flip), batch);
  }
}

// Sums divided by the last of them, which counts what was measured.
std::map<std::string, double> means(const Sums& sums, const std::vector<std::string>& names, const LabelledSet& set) {
  check(sums.back() > 0, set.path(), ": holds nothing that can be measured");
  std::map<std::string, double> result;
  for (size_t i = 0; i < names.size(); ++i) result[names[i]] = sums[i] / sums.back();
  return result;
}

std::map<std::string, double> class_measures(const TransferModel& model, const LabelledSet& set,
                                             const MeasureOptions& options, const ProcessGroup& group) {
  Sums sums(4);
  predict_batches(model, set, options, group, [&](const Tensor& probabilities, const ViewedBatch& batch) {
    add_classes(probabilities, batch.labels, sums);
  });
  return means(group.all_reduce(sums), {"top1", "top5", "loss"}, set);
}

std::map<std::string, double> depth_measures(const TransferModel& model, const LabelledSet& set,
                                             const MeasureOptions& options, const ProcessGroup& group) {
  Sums sums(std::size(kDepthMeasures) + 1);
  predict_batches(model, set, options, group, [&](const Tensor& metres, const ViewedBatch& batch) {
    add_depths(metres, batch.maps, {options.min_depth, options.max_depth}, sums);
  });
  std::vector<std::string> names;
  for (const auto& [name, value] : kDepthMeasures) names.emplace_back(name);
  return means(group.all_reduce(sums), names, set);
}

std::map<std::string, double> label_measures(const TransferModel& model, const LabelledSet& set,
                                             const MeasureOptions& options, const ProcessGroup& group, bool by_class) {
  const std::vector<std::string>& classes = model.config().classes;
  Confusion confusion(static_cast<int64_t>(classes.size()));
  double loss = 0;
  predict_batches(model, set, options, group, [&](const Tensor& probabilities, const ViewedBatch& batch) {
    loss += add_labels(probabilities, map_batch(batch.maps), confusion);
  });
  Sums sums(confusion.counts().begin(), confusion.counts().end());
  sums.push_back(loss);
  sums = group.all_reduce(sums);
  std::transform(sums.begin(), sums.end() - 1, confusion.counts().begin(), [](double n) { return std::llround(n); });
  check(confusion.pixels() > 0, "no pixel of the set has a label, so that nothing can be measured");
  std::map<std::string, double> result{{"mIoU", confusion.mean_iou()},
                                       {"mAcc", confusion.mean_accuracy()},
                                       {"pixel_accuracy", confusion.accuracy()},
                                       {"loss", sums.back() / static_cast<double>(confusion.pixels())}};
  for (size_t c = 0; by_class && c < classes.size(); ++c)
    if (const auto iou = confusion.iou(static_cast<int64_t>(c))) result["IoU " + classes[c]] = *iou;
  return result;
}

}  // namespace

ObjectTargets object_targets(const std::vector<LabelledObject>& objects, int64_t size, int64_t sample) {
  ObjectTargets targets{{}, {}, static_cast<uint64_t>(sample), {}};
  std::vector<float> corners;
  std::vector<Tensor> masks;
  for (const auto& object : objects) {
    if (object.crowd) continue;
    const LabelledBox& b = object.box;
    for (const double value : {b.xmin, b.ymin, b.xmax, b.ymax})
      corners.push_back(static_cast<float>(value * static_cast<double>(size)));
    targets.labels.push_back(object.label);
    if (object.mask) masks.push_back(at::tensor(object.mask->pixels(), at::kByte).view({size, size}));
  }
  targets.boxes = at::tensor(corners, at::kFloat).view({-1, 4});
  if (!masks.empty()) targets.masks = at::stack(masks);
  return targets;
}

std::vector<std::vector<FoundObject>> found_objects(const TransferModel& model, const Tensor& images) {
  const auto size = static_cast<double>(model.config().size());
  std::vector<std::vector<FoundObject>> results;
  for (const auto& image : model.detection()->detect(model.tokens(images), model.config().size())) {
    std::vector<FoundObject> found;
    const Tensor corners = image.boxes.to(at::kDouble) / size;
    for (size_t i = 0; i < image.scores.size(); ++i) {
      const auto row = static_cast<int64_t>(i);
      const Tensor c = corners[row];
      FoundObject object;
      object.box = {c[0].item<double>(),
                    c[1].item<double>(),
                    c[2].item<double>(),
                    c[3].item<double>(),
                    model.config().classes[image.labels[i]],
                    image.scores[i]};
      object.label = image.labels[i];
      if (image.masks.defined()) {
        const Tensor mask = image.masks[row].contiguous();
        object.mask.assign(mask.data_ptr<float>(), mask.data_ptr<float>() + mask.numel());
      }
      found.push_back(std::move(object));
    }
    results.push_back(std::move(found));
  }
  return results;
}

void check_options(const MeasureOptions& options, Task task) {
  check(!options.flip || task != Task::kDetection, "mirror images are not averaged for detection; leave out 'flip'");
  const MeasureOptions plain;
  check(task == Task::kDepth ||
            (!options.eigen_crop && options.min_depth == plain.min_depth && options.max_depth == plain.max_depth),
        "eigen_crop, min_depth and max_depth are for depth; leave them out");
}

std::string main_measure(Task task) {
  switch (task) {
    case Task::kClassification: return "top1";
    case Task::kSemseg: return "mIoU";
    case Task::kDepth: return "delta1";
    case Task::kDetection: return "AP";
  }
  fail("[main_measure] unknown task");
}

Tensor byte_batch(const std::vector<StoredImage>& images) {
  const int64_t size = width_of(images[0]);
  Tensor batch = at::empty({static_cast<int64_t>(images.size()), size, size, 3}, at::kByte);
  auto* out = batch.data_ptr<uint8_t>();
  for (const auto& image : images) {
    const Image& rgb = std::get<Image>(image);
    std::memcpy(out, rgb.pixels.data(), rgb.pixels.size());
    out += rgb.pixels.size();
  }
  return batch;
}

Tensor map_batch(const std::vector<StoredImage>& maps) {
  std::vector<Tensor> rows;
  for (const auto& map : maps)
    std::visit(
        [&](const auto& raster) {
          using Value = typename std::decay_t<decltype(raster.pixels)>::value_type;
          constexpr auto kType = std::is_same_v<Value, float> ? at::kFloat : at::kByte;
          Tensor row = at::empty({raster.height, raster.width}, kType);
          std::memcpy(row.data_ptr(), raster.pixels.data(), raster.pixels.size() * sizeof(Value));
          rows.push_back(kType == at::kFloat ? row : row.to(at::kLong));
        },
        map);
  return at::stack(rows);
}

Tensor prediction(const TransferModel& model, const Tensor& images, bool flip) {
  const bool depth = model.config().kind() == Task::kDepth;
  const auto predict = [&](const Tensor& batch) {
    const Tensor out = model(batch);
    return depth ? out : out.softmax(1);
  };
  Tensor result = predict(images);
  if (flip) {
    const Tensor mirrored = predict(images.flip({2}));
    result = (result + (mirrored.dim() == 4 ? mirrored.flip({3}) : mirrored)) / 2;
  }
  return result.to(at::kCPU);
}

void apply_eigen_crop(Raster<float>& depth) {
  const auto part = [](int extent, double of) { return static_cast<int>(std::lround(extent * of)); };
  const int top = part(depth.height, 45.0 / 480), bottom = part(depth.height, 471.0 / 480);
  const int left = part(depth.width, 41.0 / 640), right = part(depth.width, 601.0 / 640);
  for (int y = 0; y < depth.height; ++y)
    for (int x = 0; x < depth.width; ++x)
      if (y < top || y >= bottom || x < left || x >= right) *depth.at(x, y) = 0;
}

std::map<std::string, double> measure(const TransferModel& model, const LabelledSet& set, const MeasureOptions& options,
                                      const ProcessGroup& group, bool by_class) {
  const NoGradGuard no_grad;
  check_options(options, model.config().kind());
  check(!by_class || model.config().kind() == Task::kSemseg, "measures by class are for semantic maps");
  switch (model.config().kind()) {
    case Task::kClassification: return class_measures(model, set, options, group);
    case Task::kSemseg: return label_measures(model, set, options, group, by_class);
    case Task::kDepth: return depth_measures(model, set, options, group);
    case Task::kDetection: return measure_objects(model, set, options, group);
  }
  fail("[measure] unknown task");
}

}  // namespace fourm
