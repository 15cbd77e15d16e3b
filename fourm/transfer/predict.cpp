#include "fourm/transfer/predict.h"

#include <algorithm>
#include <cstdio>

#include "fourm/clip/image_text.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/data_facts.h"
#include "fourm/draw/box_image.h"
#include "fourm/draw/legend.h"
#include "fourm/draw/strokes.h"
#include "fourm/transfer/measure.h"

namespace fourm {
namespace {

constexpr int kViewWidth = 512;  // pixels of an image to look at
constexpr double kShownScore = 0.3;

Raster<uint8_t> raster_of_labels(const Tensor& labels) {  // [H, W]
  const Tensor bytes = labels.to(at::kByte).contiguous();
  Raster<uint8_t> map(static_cast<int>(bytes.size(1)), static_cast<int>(bytes.size(0)), 1);
  std::copy_n(bytes.data_ptr<uint8_t>(), map.pixels.size(), map.pixels.data());
  return map;
}

Raster<float> raster_of_depth(const Tensor& metres) {  // [H, W]
  const Tensor values = metres.clamp(1e-3, kMostPngMetres).to(at::kFloat).contiguous();
  Raster<float> map(static_cast<int>(values.size(1)), static_cast<int>(values.size(0)), 1);
  std::copy_n(values.data_ptr<float>(), map.pixels.size(), map.pixels.data());
  return map;
}

std::vector<TransferPrediction::Class> ranked(const Tensor& probabilities) {  // [K]
  const auto [values, order] = probabilities.to(at::kDouble).sort(0, /*descending=*/true);
  std::vector<TransferPrediction::Class> classes;
  for (int64_t i = 0; i < values.size(0); ++i) classes.push_back({order[i].item<int64_t>(), values[i].item<double>()});
  return classes;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// The rows of classification, an image and a class each.
class ClassTable {
 public:
  ClassTable(const TransferConfig& config, const PredictionFiles& options) : config_(config), options_(options) {}

  void add(const fs::path& file, const TransferPrediction& prediction) {
    const auto count = std::min<size_t>(prediction.classes.size(), static_cast<size_t>(options_.top));
    Json listed = Json::array();
    for (size_t i = 0; i < count; ++i) {
      const auto& [label, probability] = prediction.classes[i];
      const std::string& name = config_.shown_classes()[label];
      char number[32];
      std::snprintf(number, sizeof number, "%.6f", probability);
      csv_ += concat(csv_field(file.string()), ",", i + 1, ",", csv_field(name), ",", number, "\n");
      listed.push_back({{"class", name}, {"probability", probability}});
    }
    json_.push_back({{"image", file.string()}, {"classes", listed}});
  }

  void write(const fs::path& out) const {
    if (options_.format == "json")
      write_json(out / "predictions.json", json_);
    else
      write_file(out / "predictions.csv", "image,rank,class,probability\n" + csv_);
  }

 private:
  const TransferConfig& config_;
  PredictionFiles options_;
  std::string csv_;
  Json json_ = Json::array();
};

// What was found in a view, as objects of the image.
void add_inverted_objects(const std::vector<FoundObject>& found, const CropView& view, TransferPrediction& into) {
  for (const auto& object : found) {
    const LabelledBox& b = object.box;
    const BoxCorners corners{view.left + b.xmin * view.crop_width, view.top + b.ymin * view.crop_height,
                             view.left + b.xmax * view.crop_width, view.top + b.ymax * view.crop_height};
    const auto share = [](double at, double extent) { return std::clamp(at / extent, 0.0, 1.0); };
    LabelledBox box = b;
    box.xmin = share(corners[0], view.width), box.xmax = share(corners[2], view.width);
    box.ymin = share(corners[1], view.height), box.ymax = share(corners[3], view.height);
    if (area(box) <= 0) continue;
    into.boxes.push_back(box);
    if (!object.mask.empty())
      into.masks.push_back(pasted_mask(object.mask.data(), kMaskSide, corners, static_cast<int64_t>(view.height),
                                       static_cast<int64_t>(view.width)));
  }
}

// COCO's list of results.
class BoxList {
 public:
  explicit BoxList(const TransferConfig& config) {
    for (size_t i = 0; i < config.classes.size(); ++i)
      ids_[config.classes[i]] = config.category_ids.empty() ? static_cast<int64_t>(i) + 1 : config.category_ids[i];
  }

  void add(const fs::path& file, const Image& image, const TransferPrediction& found) {
    const std::string stem = file.stem().string();
    const bool number = !stem.empty() && stem.size() < 18 && stem.find_first_not_of("0123456789") == std::string::npos;
    const Json id = number ? Json(std::stoll(stem)) : Json(file.filename().string());
    const auto [other, is_new] = images_.try_emplace(id.dump(), file);
    check(is_new, file.string(), " and ", other->second.string(), " have the same image_id ", id.dump(),
          "; predict them into different folders");
    for (size_t i = 0; i < found.boxes.size(); ++i) {
      const LabelledBox& b = found.boxes[i];
      const double w = image.width, h = image.height;
      list_.push_back({{"image_id", id},
                       {"category_id", ids_.at(b.class_name)},
                       {"bbox", {b.xmin * w, b.ymin * h, (b.xmax - b.xmin) * w, (b.ymax - b.ymin) * h}},
                       {"score", b.score}});
      if (found.masks.empty()) continue;
      const RleMask& mask = found.masks[i];
      list_.back()["segmentation"] = {{"size", {mask.height, mask.width}}, {"counts", mask.text()}};
    }
  }
  void write(const fs::path& out) const { write_json(out / "predictions.json", list_); }

 private:
  std::map<std::string, int64_t> ids_;
  std::map<std::string, fs::path> images_;  // by their ids
  Json list_ = Json::array();
};

// Half of the colour of each pixel inside becomes `colour`.
void tint(Image& image, const RleMask& mask, const Colour& colour) {
  const std::vector<uint8_t> inside = mask.pixels();
  for (size_t i = 0; i < inside.size(); ++i)
    for (size_t c = 0; c < 3 && inside[i]; ++c)
      image.pixels[3 * i + c] = static_cast<uint8_t>((image.pixels[3 * i + c] + colour[c]) / 2);
}

void write_box_view(Image image, const TransferPrediction& found, const fs::path& file) {
  std::vector<LabelledBox> boxes;
  for (size_t i = 0; i < found.boxes.size(); ++i) {
    if (found.boxes[i].score < kShownScore) continue;
    boxes.push_back(found.boxes[i]);
    if (!found.masks.empty()) tint(image, found.masks[i], bright_colour(boxes.back().class_name));
  }
  make_folder(file.parent_path());
  write_png(view_file(file), draw_boxes(image, boxes, kViewWidth));
}

void write_maps(const TransferConfig& config, const TransferPrediction& prediction, const fs::path& file) {
  make_folder(file.parent_path());
  const fs::path view = view_file(file);
  if (prediction.labels) {
    write_label_png(file, *prediction.labels, label_palette());
    write_png(view, draw_labels(*prediction.labels, config.shown_classes(), kViewWidth));
  } else {
    InputConfig depth;
    depth.kind = "depth";
    write_file(file, encode_depth_png(*prediction.depth));
    write_png(view, draw_depth(depth, *prediction.depth, kViewWidth));
  }
}

}  // namespace

Predictor Predictor::open(const fs::path& model, const ComputeConfig& compute) {
  return Predictor(std::make_shared<const TransferModel>(TransferModel::open(model, compute_of(compute))));
}

const TransferConfig& Predictor::config() const { return model_->config(); }

std::vector<TransferPrediction> Predictor::operator()(const std::vector<StoredImage>& images, bool flip) const {
  const InferenceGuard inference;
  const TransferConfig& c = config();
  const InputConfig rgb;
  std::vector<CropView> views;
  std::vector<StoredImage> squares;
  for (const auto& image : images) {
    views.push_back(fitted_view(width_of(image), height_of(image), parse_fit(c.fit), c.crop_share));
    squares.push_back(apply_view(rgb, image, views.back(), static_cast<int>(c.size())));
  }
  std::vector<TransferPrediction> results(images.size());
  check(!flip || c.kind() != Task::kDetection, "mirror images are not averaged for detection");
  if (c.kind() == Task::kDetection) {
    const auto found = found_objects(*model_, byte_batch(squares));
    for (size_t i = 0; i < images.size(); ++i) add_inverted_objects(found[i], views[i], results[i]);
    return results;
  }
  const Tensor predicted = prediction(*model_, byte_batch(squares), flip);
  for (size_t i = 0; i < images.size(); ++i) {
    const Tensor one = predicted[static_cast<int64_t>(i)];
    switch (c.kind()) {
      case Task::kClassification: results[i].classes = ranked(one); break;
      case Task::kSemseg:
        results[i].labels = invert_view(raster_of_labels(one.argmax(0)), views[i], uint8_t{255});
        break;
      case Task::kDepth: results[i].depth = invert_view(raster_of_depth(one[0]), views[i], 0.0F); break;
      case Task::kDetection: break;
    }
  }
  return results;
}

std::map<std::string, double> Predictor::evaluate(const LabelledData& data, const MeasureOptions& options,
                                                  bool by_class, const ProcessGroup& group) const {
  const bool masks = config().head.masks;
  const LabelledSet set = LabelledSet::open(data, config().kind(), config().classes, nullptr,
                                            masks ? ObjectMasks::kWhereGiven : ObjectMasks::kNone);
  if (masks && !set.has_masks() && group.is_first())
    note(data.path, ": has no masks of objects; boxes alone are measured");
  group.check_same("evaluation set", concat(data.path, " with ", counted(set.size(), "sample")));
  return measure(*model_, set, options, group, by_class);
}

fs::path view_file(const fs::path& output) {
  fs::path view = output;
  return view.replace_filename(output.stem().string() + "_view.png");
}

void write_predictions(const Predictor& predictor, const std::vector<fs::path>& files,
                       const std::vector<fs::path>& outputs, const fs::path& out, bool flip,
                       const PredictionFiles& options) {
  const TransferConfig& config = predictor.config();
  ClassTable table(config, options);
  BoxList boxes(config);
  each_image_batch(files, "predict", [&](const std::vector<StoredImage>& images, size_t first) {
    const auto predictions = predictor(images, flip);
    for (size_t i = 0; i < predictions.size(); ++i) {
      const fs::path& file = files[first + i];
      if (config.kind() == Task::kClassification) {
        table.add(file, predictions[i]);
      } else if (config.kind() == Task::kDetection) {
        const Image& image = std::get<Image>(images[i]);
        boxes.add(file, image, predictions[i]);
        write_box_view(image, predictions[i], outputs[first + i]);
      } else {
        write_maps(config, predictions[i], outputs[first + i]);
      }
    }
  });
  if (config.kind() == Task::kDetection) boxes.write(out);
  if (config.kind() == Task::kClassification) table.write(out);
  if (config.kind() == Task::kSemseg) write_class_names(out, config.shown_classes());
}

std::string measures_table(const std::map<std::string, double>& measures) {
  size_t width = 0;
  for (const auto& item : measures) width = std::max(width, item.first.size());
  std::string text;
  for (const auto& [name, value] : measures) {
    char number[32];
    std::snprintf(number, sizeof number, "%.4f", value);
    text += name + std::string(width - name.size() + 2, ' ') + number + "\n";
  }
  return text;
}

}  // namespace fourm
