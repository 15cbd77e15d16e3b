#include "fourm/transfer/predict.h"

#include <algorithm>
#include <cstdio>

#include "fourm/clip/image_text.h"
#include "fourm/core/strings.h"
#include "fourm/draw/box_image.h"
#include "fourm/draw/legend.h"
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

// Boxes normalised by a view as boxes normalised by the image.
std::vector<LabelledBox> inverted_boxes(std::vector<LabelledBox> boxes, const CropView& view) {
  const auto x = [&](double v) { return std::clamp((view.left + v * view.crop_width) / view.width, 0.0, 1.0); };
  const auto y = [&](double v) { return std::clamp((view.top + v * view.crop_height) / view.height, 0.0, 1.0); };
  for (auto& b : boxes) b.xmin = x(b.xmin), b.xmax = x(b.xmax), b.ymin = y(b.ymin), b.ymax = y(b.ymax);
  std::erase_if(boxes, [](const LabelledBox& b) { return area(b) <= 0; });
  return boxes;
}

// COCO's list of results.
class BoxList {
 public:
  explicit BoxList(const TransferConfig& config) {
    for (size_t i = 0; i < config.classes.size(); ++i)
      ids_[config.classes[i]] = config.category_ids.empty() ? static_cast<int64_t>(i) + 1 : config.category_ids[i];
  }

  void add(const fs::path& file, const Image& image, const std::vector<LabelledBox>& boxes) {
    const std::string stem = file.stem().string();
    const bool number = !stem.empty() && stem.size() < 18 && stem.find_first_not_of("0123456789") == std::string::npos;
    const Json id = number ? Json(std::stoll(stem)) : Json(file.filename().string());
    for (const auto& b : boxes) {
      const double w = image.width, h = image.height;
      list_.push_back({{"image_id", id},
                       {"category_id", ids_.at(b.class_name)},
                       {"bbox", {b.xmin * w, b.ymin * h, (b.xmax - b.xmin) * w, (b.ymax - b.ymin) * h}},
                       {"score", b.score}});
    }
  }
  void write(const fs::path& out) const { write_json(out / "predictions.json", list_); }

 private:
  std::map<std::string, int64_t> ids_;
  Json list_ = Json::array();
};

void write_box_view(const Image& image, std::vector<LabelledBox> boxes, const fs::path& file) {
  std::erase_if(boxes, [](const LabelledBox& b) { return b.score < kShownScore; });
  make_folder(file.parent_path());
  fs::path view = file;
  view.replace_filename(file.stem().string() + "_view.png");
  write_png(view, draw_boxes(image, boxes, kViewWidth));
}

void write_classes(const fs::path& out, const std::vector<std::string>& names) {
  YAML::Node yaml;
  for (size_t i = 0; i < names.size(); ++i) {
    YAML::Node row;
    row["id"] = i;
    row["name"] = names[i];
    yaml["semseg_classes"].push_back(row);
  }
  write_file(out / "dataset.yaml", yaml_text(yaml) + "\n");
}

void write_maps(const TransferConfig& config, const TransferPrediction& prediction, const fs::path& file) {
  make_folder(file.parent_path());
  fs::path view = file;
  view.replace_filename(file.stem().string() + "_view.png");
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
  if (c.kind() == Task::kDetection) {
    const auto found = found_objects(*model_, byte_batch(squares));
    for (size_t i = 0; i < images.size(); ++i) results[i].boxes = inverted_boxes(found[i], views[i]);
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
  const LabelledSet set = LabelledSet::open(data, config().kind(), config().classes);
  return measure(*model_, set, options, group, by_class);
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
        boxes.add(file, image, predictions[i].boxes);
        write_box_view(image, predictions[i].boxes, outputs[first + i]);
      } else {
        write_maps(config, predictions[i], outputs[first + i]);
      }
    }
  });
  if (config.kind() == Task::kDetection) boxes.write(out);
  if (config.kind() == Task::kClassification) table.write(out);
  if (config.kind() == Task::kSemseg) write_classes(out, config.shown_classes());
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
