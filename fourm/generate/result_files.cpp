#include "fourm/generate/result_files.h"

#include <algorithm>
#include <map>
#include <set>

#include "fourm/core/json.h"
#include "fourm/core/output_file.h"
#include "fourm/data/modality_file.h"
#include "fourm/draw/box_image.h"
#include "fourm/draw/legend.h"
#include "fourm/draw/mask_outline.h"
#include "fourm/draw/palette_image.h"
#include "fourm/draw/sam_image.h"
#include "fourm/draw/skeleton.h"
#include "fourm/io/npy.h"
#include "fourm/text/structured.h"

namespace fourm {
namespace {

constexpr int kDrawingSide = 448;

// Boxes of a file have their corners in order.
std::vector<LabelledBox> boxes_in_order(std::vector<LabelledBox> boxes) {
  std::erase_if(boxes, [](const LabelledBox& box) { return box.xmin > box.xmax || box.ymin > box.ymax; });
  return boxes;
}

Json boxes_json(const std::vector<LabelledBox>& boxes, int64_t side) {
  Json instances = Json::array();
  for (const auto& box : boxes)
    instances.push_back(
        {{"boxes", {box.xmin, box.ymin, box.xmax, box.ymax}}, {"class_name", box.class_name}, {"score", box.score}});
  return {{"width", side}, {"height", side}, {"instances", instances}};
}

Json metadata_json(const std::string& text) {
  Json json = Json::object();
  for (const auto& [name, value] : metadata_from_string(text)) json[name] = value;
  return json;
}

Json palette_json(const std::vector<PaletteColour>& colours) {
  return Json::array({{{std::to_string(colours.size()), colours}}});
}

Json poses_json(const std::string& text, int64_t side) {
  Json people = {{"width", side}, {"height", side}};
  for (const char* key : {"bbox_normalized", "pose_tokenized", "pred_cam"}) people[key] = Json::array();
  people["pred_smpl_params"] = {{"global_orient", Json::array()}, {"betas", Json::array()}};
  for (const HumanPose& pose : poses_from_string(text)) {
    people["bbox_normalized"].push_back(pose.box);
    people["pose_tokenized"].push_back(pose.pose);
    people["pred_cam"].push_back(pose.camera);
    people["pred_smpl_params"]["global_orient"].push_back(pose.global);
    people["pred_smpl_params"]["betas"].push_back(pose.shape);
  }
  return people;
}

template <size_t n>
std::vector<int64_t> token_ids(const std::array<double, n>& numbers) {
  return {numbers.begin(), numbers.end()};
}

// The corners of the mask's outline, in pixels of the image that its box lies in.
Json polygon_json(const Image& mask, const std::array<double, 4>& box) {
  Json polygon = Json::array();
  for (const auto& corner : mask_outline(mask))
    polygon.push_back(
        {box[0] + corner[0] / mask.width * (box[2] - box[0]), box[1] + corner[1] / mask.height * (box[3] - box[1])});
  return polygon;
}

// `masks`: of the instances in order; empty where they are not known.
Json sam_json(const std::vector<SamPoint>& points, const std::vector<Image>& masks) {
  Json list = Json::array();
  size_t number = 0;
  for (const SamPoint& point : points) {
    Json instances = Json::array();
    for (const SamInstance& instance : point.instances) {
      instances.push_back({{"box", instance.box}, {"tokens", token_ids(instance.outline)}});
      if (!masks.empty()) instances.back()["polygon"] = polygon_json(masks[number], instance.box);
      ++number;
    }
    list.push_back({{"point", {point.x, point.y}}, {"instances", instances}});
  }
  return {{"width", kSamSide}, {"height", kSamSide}, {"points", list}};
}

}  // namespace

ResultFiles::ResultFiles(const Pipeline& pipeline, fs::path folder, const std::vector<std::string>& modalities,
                         int64_t variations)
    : pipeline_(pipeline), folder_(std::move(folder)), modalities_(modalities), variations_(variations) {}

fs::path ResultFiles::path(const std::string& what, const ResultPlace& place, const std::string& extension) const {
  const std::string end = (variations_ > 1 ? concat("_", place.variation) : std::string()) + extension;
  return place.sample.empty() ? folder_ / (what + end) : folder_ / what / (place.sample + end);
}

std::string ResultFiles::short_name(const std::string& modality) const {
  const std::string base = base_name(modality);
  const auto same = [&](const std::string& other) { return base_name(other) == base; };
  return std::count_if(modalities_.begin(), modalities_.end(), same) > 1 ? modality : base;
}

bool ResultFiles::is_single_result(const std::string& file, const std::string& modality) const {
  const std::vector<std::string> names = {short_name(modality), modality};
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return file.starts_with(name + ".") || file.starts_with(name + "_");
  });
}

fs::path ResultFiles::existing(const std::string& modality, bool is_single) const {
  std::error_code error;
  for (const std::string& name : {short_name(modality), modality})
    for (const auto& entry : fs::directory_iterator(is_single ? folder_ : folder_ / name, error))
      if (!is_single || is_single_result(entry.path().filename().string(), modality)) return entry.path();
  return {};
}

void ResultFiles::remove_temporary(const std::vector<std::string>& samples) const {
  remove_temporary_files(folder_, [&](const std::string& name) {
    return std::any_of(modalities_.begin(), modalities_.end(),
                       [&](const std::string& modality) { return is_single_result(name, modality); });
  });
  std::error_code ignored;
  for (const auto& what : fs::directory_iterator(folder_, ignored)) {
    if (!what.is_directory(ignored)) continue;
    std::map<fs::path, std::set<std::string>> stems;  // of files, by folder: a sample's name may have one
    for (const std::string& sample : samples)
      for (int64_t v = 0; v < variations_; ++v) {
        const fs::path file = path(what.path().filename().string(), {sample, v}, "");
        stems[file.parent_path()].insert(file.filename().string());
      }
    for (const auto& [folder, own] : stems)
      remove_temporary_files(folder,
                             [&](const std::string& name) { return own.contains(fs::path(name).stem().string()); });
  }
}

std::vector<fs::path> ResultFiles::write_tokens(const Canvas& canvas, const std::string& modality,
                                                const ResultPlace& place) const {
  const auto ids = pipeline_.file_tokens(canvas, modality);
  std::vector<fs::path> files{path(modality, place, ".npy")};
  write_npy(files[0], npy_from_integers(ids, {static_cast<int64_t>(ids.size())}));
  if (pipeline_.modality(modality).kind != ModalityKind::kSequence || !pipeline_.has_text_tokenizer()) return files;
  const std::string name = short_name(modality), base = base_name(modality), text = pipeline_.text(canvas, modality);
  const auto add = [&](const std::string& extension) { return files.emplace_back(path(name, place, extension)); };
  write_file(add(".txt"), text + "\n");
  const int64_t side = pipeline_.square_size();
  if (base == "det") {
    const auto boxes = boxes_in_order(pipeline_.boxes(canvas, modality));
    write_json(add(".json"), boxes_json(boxes, side));
    write_png(add(".png"), draw_boxes(canvas_image(pipeline_, canvas), boxes, kDrawingSide));
  } else if (base == "metadata") {
    write_json(add(".json"), metadata_json(text));
  } else if (base == "color_palette") {
    const auto colours = palette_from_string(text);
    write_json(add(".json"), palette_json(colours));
    if (!colours.empty()) write_png(add(".png"), draw_palette(colours));
  } else if (base == "human_poses") {
    write_json(add(".json"), poses_json(text, side));
  }
  return files;
}

std::vector<fs::path> ResultFiles::write_decoded(const Canvas& canvas, const std::string& modality,
                                                 const ResultPlace& place, const TextChunks& recipe,
                                                 const DecodeOptions& decoding) const {
  if (pipeline_.modality(modality).kind == ModalityKind::kSequence) {
    if (!pipeline_.has_text_tokenizer()) return {};
    if (base_name(modality) == "sam_instance") return write_sam(canvas, modality, place, decoding);
    if (base_name(modality) == "human_poses") return write_pose_image(canvas, modality, place, decoding);
    return {};
  }
  if (!pipeline_.has_tokenizer(modality)) return {};
  const StoredImage stored = pipeline_.image(canvas, modality, decoding);
  const InputConfig input = pipeline_.input_config(modality);
  const std::string name = short_name(modality);
  std::vector<fs::path> files{path(name, place, ".png")};
  write_png(files[0], display(input, stored), recipe);
  const std::string extension = stored_extension(input);
  const bool is_viewable = extension == ".png" && input.kind != "depth" && !input.has_labels();
  if (is_viewable) return files;
  if (extension == ".npy" && name == modality) {  // NAME.npy holds the tokens
    files.push_back(path(name, place, stored_suffix(input)));
  } else {
    const std::string what = extension == ".npy" ? name : name + (input.has_labels() ? "_labels" : "_16bit");
    files.push_back(path(what, place, extension));
  }
  write_file(files.back(), encode_stored_image(input, stored));
  return files;
}

std::vector<fs::path> ResultFiles::write_sam(const Canvas& canvas, const std::string& modality,
                                             const ResultPlace& place, const DecodeOptions& decoding) const {
  const std::vector<SamPoint> points = sam_from_string(pipeline_.text(canvas, modality));
  std::vector<std::vector<int64_t>> tokens;
  for (const SamPoint& point : points)
    for (const SamInstance& instance : point.instances) tokens.push_back(token_ids(instance.outline));
  std::vector<Image> masks;
  if (pipeline_.has_sequence_tokenizer(modality) && !tokens.empty())
    for (const StoredImage& mask : pipeline_.decode(modality, tokens, decoding)) masks.push_back(std::get<Image>(mask));
  const std::string name = short_name(modality);
  const std::vector<fs::path> files{path(name, place, ".png"), path(name, place, ".json")};
  write_png(files[0], draw_sam(canvas_image(pipeline_, canvas), points, masks, kDrawingSide));
  write_json(files[1], sam_json(points, masks));
  return files;
}

std::vector<fs::path> ResultFiles::write_pose_image(const Canvas& canvas, const std::string& modality,
                                                    const ResultPlace& place, const DecodeOptions& decoding) const {
  const std::vector<HumanPose> people = poses_from_string(pipeline_.text(canvas, modality));
  std::vector<std::vector<float>> poses(people.size());
  if (pipeline_.has_sequence_tokenizer(modality))
    for (size_t i = 0; i < people.size(); ++i)
      if (people[i].has_pose)
        poses[i] = std::get<Raster<float>>(pipeline_.decode(modality, {token_ids(people[i].pose)}, decoding)[0]).pixels;
  const fs::path file = path(short_name(modality), place, ".png");
  write_png(file, draw_poses(canvas_image(pipeline_, canvas), people, poses, kDrawingSide));
  return {file};
}

std::optional<Image> result_image(const Pipeline& pipeline, const std::string& modality,
                                  const std::vector<fs::path>& files, const std::vector<std::string>& class_names,
                                  int width) {
  const auto shown = std::find_if(files.begin(), files.end(), [](const auto& f) { return f.extension() == ".png"; });
  if (shown == files.end()) return std::nullopt;
  if (pipeline.has_tokenizer(modality)) {
    const InputConfig input = pipeline.input_config(modality);
    if (input.has_labels() || input.kind == "depth")  // the data come last
      return draw_map(input, read_stored_image(input, files.back()), class_names, width);
  }
  return draw_map({}, read_image(*shown), class_names, width);
}

Image canvas_image(const Pipeline& pipeline, const Canvas& canvas) {
  for (const auto& entry : canvas.entries)
    if (pipeline.modality(entry.modality).kind == ModalityKind::kPixels)
      return patches_image(entry.data, pipeline.modality(entry.modality));
  for (const auto& entry : canvas.entries) {
    if (entry.is_whole() && base_name(entry.modality) == "rgb" && pipeline.has_tokenizer(entry.modality))
      return std::get<Image>(pipeline.image(canvas, entry.name));
  }
  return Image(8, 8, 3, 96);
}

}  // namespace fourm
