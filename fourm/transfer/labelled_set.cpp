#include "fourm/transfer/labelled_set.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "fourm/core/json.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/data_facts.h"
#include "fourm/io/image_file.h"

namespace fourm {
namespace {

constexpr uint8_t kNone = 255;

InputConfig input_of(const char* kind) {
  InputConfig config;
  config.kind = kind;
  return config;
}

std::string below(const fs::path& file, const fs::path& root) {
  return fs::path(file).replace_extension().lexically_relative(root).generic_string();
}

// The value of a key of a sample's JSON as text.
std::string json_text_at(const std::string& bytes, const std::string& key, const std::string& origin) {
  const Json json = parse_json(bytes, origin);
  check(json.is_object() && json.contains(key), origin, ": the key '", key, "' is missing, which 'labels' names");
  check(json[key].is_string(), origin, ": the key '", key, "' holds no text");
  return json[key].get<std::string>();
}

// Names of ADE20K's objectInfo150.txt: a line a class after a header, the names in the last column.
std::vector<std::string> ade20k_classes(const fs::path& root) {
  std::vector<std::string> names;
  const fs::path file = root / "objectInfo150.txt";
  if (fs::exists(file)) {
    const std::vector<std::string> lines = split(read_file(file, 1 << 20), '\n');
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::string name = trim(split(lines[i], '\t').back());
      if (!name.empty()) names.push_back(trim(split(name, ',')[0]));
    }
    check(names.size() <= 255 && !names.empty(), file.string(), ": names ", names.size(),
          " classes, expected 1 to 255");
    return names;
  }
  for (int i = 1; i <= 150; ++i) names.push_back("class " + std::to_string(i));
  return names;
}

}  // namespace

// Fills a LabelledSet.
class LabelledSetReader {
 public:
  LabelledSetReader(LabelledSet& set, const LabelledData& data, std::vector<std::string> classes,
                    std::vector<Fault>* faults)
      : set_(set), data_(data), given_(std::move(classes)), faults_(faults) {
    std::error_code ignored;
    root_ = fs::path(data.path);
    is_folder_ = fs::is_directory(root_, ignored);
    check(is_folder_ || root_.string().find_first_of("{[") != std::string::npos || fs::exists(root_, ignored),
          data.path, ": no such file or folder");
  }

  void read() {
    switch (set_.task_) {
      case Task::kClassification: has("rgb") || !is_folder_ ? class_source() : class_folders(); break;
      case Task::kSemseg: is_folder_&& has("annotations") ? ade20k() : map_source("semseg"); break;
      case Task::kDepth: has("rgb") || !is_folder_ ? map_source("depth") : nyu_scenes(); break;
      case Task::kDetection: data_.annotations.empty() ? box_source() : coco(); break;
    }
    check(!set_.items_.empty(), data_.path, ": holds no labelled image; ", expected());
  }

 private:
  bool has(const char* name) const {
    std::error_code ignored;
    return fs::is_directory(root_ / name, ignored);
  }
  fs::path with_split(const fs::path& folder) const {
    if (data_.split.empty()) return folder;
    check(fs::is_directory(folder / data_.split), (folder / data_.split).string(), ": no such folder; it is 'split'");
    return folder / data_.split;
  }
  std::string expected() const {
    switch (set_.task_) {
      case Task::kClassification:
        return "expected folders of classes with images in them, or a data set with rgb/ and 'labels'";
      case Task::kSemseg: return "expected images/ and annotations/ (ADE20K), or a data set with rgb/ and semseg/";
      case Task::kDepth:
        return "expected scenes with rgb_*.jpg and sync_depth_*.png (NYUv2), or a data set with rgb/ and depth/";
      case Task::kDetection: return "expected 'annotations' (COCO JSON), or a data set with rgb/ and det/";
    }
    return "";
  }

  void fault(const fs::path& file, const std::string& problem, const std::string& remedy) {
    const Fault found{file.string(), "", problem, remedy};
    if (!faults_) fail(found.text());
    faults_->push_back(found);
  }

  // Sets the classes of the layout, unless they are given. Returns their numbers.
  std::map<std::string, int64_t> use_classes(const std::vector<std::string>& found) {
    set_.classes_ = given_.empty() ? found : given_;
    std::map<std::string, int64_t> numbers;
    for (size_t i = 0; i < set_.classes_.size(); ++i) numbers.emplace(set_.classes_[i], static_cast<int64_t>(i));
    return numbers;
  }

  int64_t number_of(const std::map<std::string, int64_t>& numbers, const std::string& name, const fs::path& file) {
    const auto found = numbers.find(name);
    if (found != numbers.end()) return found->second;
    fault(
        file,
        concat("has the class ", printable(name), ", which the model does not know", did_you_mean(name, set_.classes_)),
        "remove it, or train with it");
    return -1;
  }

  void class_folders() {
    const fs::path root = with_split(root_);
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(root))
      if (entry.is_directory() && !entry.path().filename().string().starts_with("."))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    const auto numbers = use_classes(names);
    for (const auto& name : names) {
      const int64_t label = number_of(numbers, name, root / name);
      const size_t before = set_.items_.size();
      for (const fs::path& file : list_files_below(root / name, image_extensions()))
        if (label >= 0) set_.items_.push_back({below(file, root), file, {}, -1, label, {}});
      if (set_.items_.size() == before && label >= 0)
        fault(root / name, "holds no image", "remove the folder, or put images of the class into it");
    }
  }

  std::shared_ptr<const Source> open_source(const std::string& needed) {
    auto source = std::make_shared<const Source>(Source::open(data_.path, faults_));
    check(source->has("rgb"), data_.path, ": has no folder rgb; ", expected());
    check(needed.empty() || source->has(needed), data_.path, ": has no folder ", needed, "; ", expected());
    return set_.source_ = source;
  }

  // Calls add(sample) for the samples that have rgb and `needed`.
  template <class Add>
  void each_sample(const std::string& needed, const Add& add) {
    const Source& source = *set_.source_;
    for (int64_t i = 0; i < source.size(); ++i)
      if (source.has(i, "rgb") && (needed.empty() || source.has(i, needed))) add(i);
  }

  void class_source() {
    const bool by_folder = data_.labels.empty() || data_.labels == "folder";
    const size_t dot = data_.labels.find('.');
    const std::string modality = by_folder ? "" : data_.labels.substr(0, dot);
    const Source& source = *open_source(modality);
    std::vector<std::pair<int64_t, std::string>> named;
    each_sample(modality, [&](int64_t i) {
      if (by_folder) {
        const std::string& name = source.name(i);
        check(name.find('/') != std::string::npos, source.origin(i, "rgb"),
              ": is in no folder of a class; 'labels' may name where the class is, such as scene.room");
        named.emplace_back(i, name.substr(0, name.find('/')));
      } else {
        const std::string origin = source.origin(i, modality), bytes = source.read(i, modality);
        named.emplace_back(
            i, dot == std::string::npos ? trim(bytes) : json_text_at(bytes, data_.labels.substr(dot + 1), origin));
      }
    });
    std::set<std::string> names;
    for (const auto& item : named) names.insert(item.second);
    const auto numbers = use_classes({names.begin(), names.end()});
    for (const auto& [i, name] : named) {
      const int64_t label = number_of(numbers, name, source.origin(i, "rgb"));
      if (label >= 0) set_.items_.push_back({source.name(i), {}, {}, i, label, {}});
    }
  }

  void map_source(const std::string& modality) {
    const Source& source = *open_source(modality);
    if (modality == "semseg") {
      use_classes(read_class_names(source.root()));
      check(!set_.classes_.empty(), data_.path, ": no dataset.yaml names the classes of semseg (semseg_classes)");
    }
    each_sample(modality, [&](int64_t i) { set_.items_.push_back({source.name(i), {}, {}, i, -1, {}}); });
  }

  void ade20k() {
    set_.zero_is_none_ = true;
    use_classes(ade20k_classes(root_));
    check(has("images"), (root_ / "images").string(), ": no such folder");
    const fs::path images = with_split(root_ / "images"), maps = with_split(root_ / "annotations");
    for (const fs::path& file : list_files_below(images, image_extensions())) {
      const std::string name = below(file, images);
      const fs::path map = maps / (name + ".png");
      if (fs::exists(map))
        set_.items_.push_back({name, file, map, -1, -1, {}});
      else
        fault(file, "has no annotation " + map.string(), "add it, or remove the image");
    }
  }

  void nyu_scenes() {
    const fs::path root = with_split(root_);
    for (const fs::path& file : list_files_below(root, image_extensions())) {
      const std::string stem = file.stem().string();
      if (!stem.starts_with("rgb_")) continue;
      const fs::path map = file.parent_path() / ("sync_depth_" + stem.substr(4) + ".png");
      if (fs::exists(map))
        set_.items_.push_back({below(file, root), file, map, -1, -1, {}});
      else
        fault(file, "has no depth " + map.string(), "add it, or remove the image");
    }
  }

  void box_source() {
    const Source& source = *open_source("det");
    std::vector<std::pair<int64_t, std::vector<LabelledBox>>> found;
    std::set<std::string> names;
    each_sample("det", [&](int64_t i) {
      const Annotation annotation =
          decode_annotation(source.read(i, "det"), source.extension(i, "det"), source.origin(i, "det"));
      check(annotation.boxes.has_value(), source.origin(i, "det"), ": holds no boxes");
      for (const auto& box : *annotation.boxes) names.insert(box.class_name);
      found.emplace_back(i, *annotation.boxes);
    });
    const auto numbers = use_classes({names.begin(), names.end()});
    for (const auto& [i, boxes] : found) {
      LabelledSet::Item item{source.name(i), {}, {}, i, -1, {}};
      for (const auto& box : boxes) {
        const int64_t label = number_of(numbers, box.class_name, source.origin(i, "det"));
        if (label >= 0) item.objects.push_back({box, label, false});
      }
      set_.items_.push_back(std::move(item));
    }
  }

  void coco() {
    const std::string& origin = data_.annotations;
    const nlohmann::json json = parse_table(read_file(origin), origin);
    const auto list = [&](const char* key) {
      check(json.is_object() && json.contains(key) && json[key].is_array(), origin, ": the list '", key,
            "' is missing");
      return json[key];
    };
    std::map<int64_t, std::string> categories;
    for (const auto& c : list("categories"))
      categories[json_get<int64_t>(c, "id", origin)] = json_get<std::string>(c, "name", origin);
    std::vector<std::string> names;
    for (const auto& [id, name] : categories) {
      names.push_back(name);
      set_.category_ids_.push_back(id);
    }
    const auto numbers = use_classes(names);
    const fs::path root = with_split(root_);
    std::map<int64_t, size_t> images;
    std::vector<std::pair<double, double>> sizes;
    for (const auto& image : list("images")) {
      const fs::path file = root / json_get<std::string>(image, "file_name", origin);
      if (!fs::exists(file)) {
        fault(file, "is missing, and " + origin + " names it", "restore it from its source");
        continue;
      }
      sizes.emplace_back(json_get<double>(image, "width", origin), json_get<double>(image, "height", origin));
      check(sizes.back().first > 0 && sizes.back().second > 0, origin, ": ", file.filename().string(),
            " has no width or height");
      images[json_get<int64_t>(image, "id", origin)] = set_.items_.size();
      set_.items_.push_back({below(file, root), file, {}, -1, -1, {}});
    }
    for (const auto& object : list("annotations")) {
      const auto image = images.find(json_get<int64_t>(object, "image_id", origin));
      if (image == images.end()) continue;
      const auto category = json_get<int64_t>(object, "category_id", origin);
      check(categories.contains(category), origin, ": an annotation has the category ", category,
            ", which 'categories' does not name");
      const auto box = json_get<std::vector<double>>(object, "bbox", origin);
      check(box.size() == 4, origin, ": a 'bbox' has ", box.size(), " numbers, expected x, y, width, height");
      const auto [width, height] = sizes[image->second];
      const auto relative = [](double value, double extent) { return std::clamp(value / extent, 0.0, 1.0); };
      const std::string& name = categories[category];
      const LabelledBox corners{relative(box[0], width),
                                relative(box[1], height),
                                relative(box[0] + box[2], width),
                                relative(box[1] + box[3], height),
                                name,
                                1};
      const int64_t label = number_of(numbers, name, origin);
      const bool crowd = object.contains("iscrowd") && object["iscrowd"] == 1;
      if (label >= 0 && area(corners) > 0) set_.items_[image->second].objects.push_back({corners, label, crowd});
    }
  }

  LabelledSet& set_;
  const LabelledData& data_;
  std::vector<std::string> given_;
  std::vector<Fault>* faults_;
  fs::path root_;
  bool is_folder_ = false;
};

std::vector<LabelledObject> visible_objects(const std::vector<LabelledObject>& objects, const CropView& view) {
  std::vector<LabelledObject> seen;
  for (const auto& object : objects)
    if (const auto box = view_box(object.box, view)) seen.push_back({*box, object.label, object.crowd});
  return seen;
}

LabelledSet LabelledSet::open(const LabelledData& data, Task task, const std::vector<std::string>& classes,
                              std::vector<Fault>* faults) {
  LabelledSet set;
  set.path_ = data.path;
  set.task_ = task;
  LabelledSetReader(set, data, classes, faults).read();
  return set;
}

std::string LabelledSet::origin(int64_t sample) const {
  const Item& item = items_[sample];
  return item.source >= 0 ? source_->origin(item.source, "rgb") : item.image.string();
}

LabelledSample LabelledSet::load(int64_t sample) const {
  const Item& item = items_[sample];
  const InputConfig rgb = input_of("rgb");
  LabelledSample out{item.name, {}, item.label, {}, item.objects};
  const bool from_source = item.source >= 0;
  out.image =
      decode_stored_image(rgb, from_source ? source_->read(item.source, "rgb") : read_file(item.image), origin(sample));
  if (task_ != Task::kSemseg && task_ != Task::kDepth) return out;
  const char* modality = task_ == Task::kDepth ? "depth" : "semseg";
  const std::string file = from_source ? source_->origin(item.source, modality) : item.map.string();
  const std::string bytes = from_source ? source_->read(item.source, modality) : read_file(item.map);
  const auto unit = units_->of(from_source ? fs::path(source_->file(item.source, modality)) : item.map);
  out.map = decode_stored_image(input_of(modality), bytes, file, unit);
  check(width_of(*out.map) == width_of(out.image) && height_of(*out.map) == height_of(out.image), file, ": is ",
        width_of(*out.map), "x", height_of(*out.map), ", its image ", width_of(out.image), "x", height_of(out.image));
  if (task_ == Task::kDepth) return out;
  for (auto& label : std::get<Image>(*out.map).pixels) {
    if (zero_is_none_) label = label == 0 ? kNone : static_cast<uint8_t>(label - 1);
    check(label == kNone || label < classes_.size(), file, ": holds the label ", int{label} + (zero_is_none_ ? 1 : 0),
          ", expected ", zero_is_none_ ? "0 to " : "at most ", classes_.size() - (zero_is_none_ ? 0 : 1));
  }
  return out;
}

void LabelledSet::keep(const std::vector<int64_t>& samples) {
  std::vector<Item> kept;
  for (const int64_t i : samples) kept.push_back(items_[i]);
  items_ = std::move(kept);
}

CheckReport check_labelled(const LabelledData& data, Task task, int threads) {
  CheckReport result;
  const LabelledSet set = LabelledSet::open(data, task, {}, &result.faults);
  result.samples = set.size();
  result.files = set.size() * (task == Task::kSemseg || task == Task::kDepth ? 2 : 1);
  std::mutex mutex;
  std::vector<bool> seen(set.classes().size());
  parallel_for(
      set.size(),
      [&](int64_t i) {
        try {
          const LabelledSample sample = set.load(i);
          const std::scoped_lock lock(mutex);
          if (sample.label >= 0) seen[sample.label] = true;
          for (const auto& object : sample.objects) seen[object.label] = true;
          if (task == Task::kSemseg)
            for (const uint8_t label : std::get<Image>(*sample.map).pixels)
              if (label != kNone) seen[label] = true;
        } catch (const Error& error) {
          const std::scoped_lock lock(mutex);
          const std::string text = error.what(), file = set.origin(i);
          const bool named = text.starts_with(file + ": ");
          result.faults.push_back({named ? file : text.substr(0, text.find(": ")), "",
                                   text.substr(std::min(text.size(), text.find(": ") + 2)), ""});
        }
      },
      threads);
  std::sort(result.faults.begin(), result.faults.end(),
            [](const Fault& a, const Fault& b) { return a.text() < b.text(); });
  for (size_t c = 0; c < seen.size(); ++c)
    if (!seen[c]) result.warnings.push_back({data.path, "", "no sample has the class " + set.classes()[c], ""});
  return result;
}

}  // namespace fourm
