// The layouts of labelled sets (labelled_set.h): what LabelledSet::open lists.
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "fourm/coco/annotations.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/data_facts.h"
#include "fourm/io/image_file.h"
#include "fourm/transfer/labelled_set.h"

namespace fourm {
namespace {

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

// Names of ADE20K's objectInfo150.txt: one class in each line after a header, the names in the last column.
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

// Those that dataset.yaml names where it names all that occur, so that parts of a data set have the same classes; else those
// that occur.
std::vector<std::string> classes_of_boxes(const std::set<std::string>& occurring, const fs::path& root) {
  std::vector<std::string> stated = read_class_names(root);
  std::erase(stated, "");
  const bool complete =
      std::all_of(occurring.begin(), occurring.end(), [&](const std::string& name) { return contains(stated, name); });
  return complete && !stated.empty() ? stated : std::vector<std::string>(occurring.begin(), occurring.end());
}

}  // namespace

// Fills a LabelledSet.
class LabelledSetReader {
 public:
  LabelledSetReader(LabelledSet& set, const LabelledData& data, std::vector<std::string> classes,
                    std::vector<Fault>* faults, ObjectMasks masks)
      : set_(set), data_(data), given_(std::move(classes)), faults_(faults), masks_(masks) {
    std::error_code ignored;
    root_ = fs::path(data.path);
    is_folder_ = fs::is_directory(root_, ignored);
    check(is_folder_ || root_.string().find_first_of("{[") != std::string::npos || fs::exists(root_, ignored),
          data.path, ": no such file or folder");
  }

  void read() {
    check(data_.annotations.empty() || set_.task_ == Task::kDetection, data_.path, ": 'annotations' are for detection");
    check(data_.labels.empty() || set_.task_ == Task::kClassification, data_.path, ": 'labels' are for classification");
    if (root_.extension() == ".mat") return nyu_mat();
    switch (set_.task_) {
      case Task::kClassification: has("rgb") || !is_folder_ ? class_source() : class_folders(); break;
      case Task::kSemseg: (is_folder_ && has("annotations")) ? ade20k() : map_source("semseg"); break;
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
        concat("has the class ", printable(name), ", which is none of the model's", did_you_mean(name, set_.classes_)),
        "remove it, or train with it");
    return -1;
  }

  void class_folders() {
    check(data_.labels.empty() || data_.labels == "folder", data_.path,
          ": has no folder rgb, which a data set with 'labels' has");
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
    check(data_.split.empty(), data_.path,
          ": a data set with rgb/ has no folders of splits; leave out 'split', and give the data set of the split as "
          "its path");
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

  // nyu_depth_v2_labeled.mat: images [H, W, 3, N], depths and labels [H, W, N].
  void nyu_mat() {
    check(set_.task_ == Task::kDepth || set_.task_ == Task::kSemseg, data_.path,
          ": a .mat file has depth and labels, for the tasks depth and semseg");
    set_.mat_ = MatFile::open(root_);
    const MatFile& mat = *set_.mat_;
    const std::vector<int64_t> images = mat.shape("images");
    check(images.size() == 4 && images[2] == 3, data_.path, ": images: has ", images.size(),
          " dimensions, expected height, width, 3 and a number of images (nyu_depth_v2_labeled.mat)");
    constexpr int64_t kMost = int64_t{1} << 24;
    check(images[0] >= 1 && images[1] >= 1 && images[0] <= kMost && images[1] <= kMost / images[0], data_.path,
          ": images: are ", images[1], "x", images[0], ", expected at most 16 million pixels");
    const char* name = set_.task_ == Task::kDepth ? "depths" : "labels";
    const std::vector<int64_t> maps = mat.shape(name);
    check(maps == std::vector<int64_t>({images[0], images[1], images[3]}), data_.path, ": ", name,
          ": is not of the height, width and number of the images");
    if (set_.task_ == Task::kSemseg) nyu_classes();
    for (const int64_t i : nyu_split(images[3]))
      set_.items_.push_back({"nyu_" + std::to_string(i + 1), {}, {}, i, -1, {}});
    check(!set_.items_.empty(), data_.path, ": holds no image");
  }

  // Which of the images, counted from 0.
  std::vector<int64_t> nyu_split(int64_t count) const {
    std::vector<int64_t> chosen;
    if (data_.split.empty()) {
      for (int64_t i = 0; i < count; ++i) chosen.push_back(i);
      return chosen;
    }
    check(data_.split == "train" || data_.split == "test", data_.path, ": the split is ", printable(data_.split),
          ", expected train or test");
    const MatFile splits = MatFile::open(root_.parent_path() / "splits.mat");
    for (const double number : splits.numbers(data_.split + "Ndxs")) {
      check(number >= 1 && number <= static_cast<double>(count) && number == std::floor(number), splits.path().string(),
            ": names image ", number, " of ", count);
      chosen.push_back(static_cast<int64_t>(number) - 1);
    }
    return chosen;
  }

  // Label k of the file has name k; 0 is none. The usual 40 classes are given by another file.
  void nyu_classes() {
    const fs::path mapping = root_.parent_path() / "classMapping40.mat";
    std::error_code ignored;
    const bool mapped = fs::exists(mapping, ignored);
    const fs::path origin = mapped ? mapping : root_;
    std::vector<std::string> names = set_.mat_->texts("names");
    std::vector<double> classes(names.size());
    std::iota(classes.begin(), classes.end(), 1.0);
    if (mapped) {
      const MatFile file = MatFile::open(mapping);
      classes = file.numbers("mapClass");
      check(classes.size() == names.size(), mapping.string(), ": mapClass has ", classes.size(), " labels, expected ",
            names.size());
      names = file.texts("className");
    }
    check(names.size() <= 255, data_.path, ": names ", names.size(),
          " classes, expected at most 255; put classMapping40.mat, which makes 40 classes of them, beside it");
    const auto numbers = use_classes(names);
    set_.nyu_labels_ = {kNoLabel};
    for (const double number : classes) {
      check(number >= 0 && number <= static_cast<double>(names.size()), origin.string(), ": mapClass names class ",
            number, " of ", names.size());
      const auto k = static_cast<size_t>(number);
      set_.nyu_labels_.push_back(k == 0 ? kNoLabel : static_cast<uint8_t>(number_of(numbers, names[k - 1], origin)));
    }
  }

  void box_source() {
    check(
        masks_ != ObjectMasks::kRequired, data_.path,
        ": has boxes without masks, which a mask head learns from; name the COCO JSON of the images ('annotations', or "
        "--coco), or train with head.masks=false");
    const Source& source = *open_source("det");
    std::vector<std::pair<int64_t, std::vector<LabelledBox>>> found;
    std::set<std::string> names;
    each_sample("det", [&](int64_t i) {
      Annotation annotation =
          decode_annotation(source.read(i, "det"), source.extension(i, "det"), source.origin(i, "det"));
      check(annotation.boxes.has_value(), source.origin(i, "det"), ": holds no boxes");
      std::vector<LabelledBox>& boxes = *annotation.boxes;  // those of low scores are no objects in pre-training either
      std::erase_if(boxes, [](const LabelledBox& box) { return box.score < BoxOptions{}.threshold; });
      for (const auto& box : boxes) names.insert(box.class_name);
      found.emplace_back(i, std::move(boxes));
    });
    const auto numbers = use_classes(classes_of_boxes(names, source.root()));
    for (const auto& [i, boxes] : found) {
      LabelledSet::Item item{source.name(i), {}, {}, i, -1, {}};
      for (const auto& box : boxes) {
        const int64_t label = number_of(numbers, box.class_name, source.origin(i, "det"));
        if (label >= 0) item.objects.push_back({box, label, false, {}});
      }
      set_.items_.push_back(std::move(item));
    }
  }

  void coco() {
    const std::string& origin = data_.annotations;
    std::optional<CocoKind> kind;
    if (masks_ != ObjectMasks::kWhereGiven)
      kind = masks_ == ObjectMasks::kRequired ? CocoKind::kMasks : CocoKind::kBoxes;
    CocoTruth truth = CocoTruth::read(origin, kind);
    const bool has_masks = set_.has_masks_ = truth.kind == CocoKind::kMasks;
    std::vector<std::string> names;
    for (const auto& [id, name] : truth.categories) {
      check(!name.empty() && std::holds_alternative<int64_t>(id), origin, ": a category has no 'name', or no number");
      names.push_back(name);
      set_.category_ids_.push_back(std::get<int64_t>(id));
    }
    const auto numbers = use_classes(names);
    const fs::path root = with_split(root_);
    std::vector<int64_t> items(truth.images.size(), -1);  // by image
    for (size_t i = 0; i < items.size(); ++i) {
      const CocoTruth::Image& image = truth.images[i];
      check(!image.file_name.empty() && image.width > 0, origin, ": an image has no 'file_name', 'width' or 'height'");
      const fs::path file = root / image.file_name;
      if (!fs::exists(file)) {
        fault(file, "is missing, and " + origin + " names it", "restore it from its source");
        continue;
      }
      items[i] = set_.size();
      set_.items_.push_back({below(file, root), file, {}, -1, -1, {}});
    }
    for (auto& object : truth.objects) {
      if (items[object.image] < 0) continue;
      const CocoTruth::Image& image = truth.images[object.image];
      const auto [x, y, width, height] = has_masks ? object.mask.bounding_box() : object.box;
      const auto relative = [](double value, int64_t extent) {
        return std::clamp(value / static_cast<double>(extent), 0.0, 1.0);
      };
      const std::string& name = names[object.category];
      LabelledObject labelled;
      labelled.box = {relative(x, image.width),
                      relative(y, image.height),
                      relative(x + width, image.width),
                      relative(y + height, image.height),
                      name,
                      1};
      labelled.label = number_of(numbers, name, origin);
      labelled.crowd = object.crowd;
      if (has_masks) {
        check(object.mask.width == image.width && object.mask.height == image.height, origin, ": a mask is ",
              object.mask.width, "x", object.mask.height, ", its image ", image.width, "x", image.height);
        labelled.mask = std::move(object.mask);
      }
      if (labelled.label >= 0 && area(labelled.box) > 0)
        set_.items_[items[object.image]].objects.push_back(std::move(labelled));
    }
  }

  LabelledSet& set_;
  const LabelledData& data_;
  std::vector<std::string> given_;
  std::vector<Fault>* faults_;
  ObjectMasks masks_;
  fs::path root_;
  bool is_folder_ = false;
};

LabelledSet LabelledSet::open(const LabelledData& data, Task task, const std::vector<std::string>& classes,
                              std::vector<Fault>* faults, ObjectMasks masks) {
  LabelledSet set;
  set.path_ = data.path;
  set.task_ = task;
  LabelledSetReader(set, data, classes, faults, masks).read();
  return set;
}

}  // namespace fourm
