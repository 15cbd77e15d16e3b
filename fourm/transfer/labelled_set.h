// Labelled images in common layouts:
//
//   classification   PATH/[SPLIT/]CLASS/NAME.jpg                              ImageNet
//                    a data set with rgb/, the class from `labels`            docs/data.md
//   semseg           PATH/images/[SPLIT/]NAME.jpg + PATH/annotations/[SPLIT/]NAME.png   ADE20K (0 = none, 1 is class 0)
//                    NYUv2's labelled .mat file, with classMapping40.mat beside it the 40 classes
//                    a data set with rgb/ and semseg/
//   depth            PATH/[SPLIT/]SCENE/rgb_00045.jpg + sync_depth_00045.png  NYUv2 as folders of scenes (millimetres)
//                    NYUv2's labelled .mat file (`split` train or test: by splits.mat beside it)
//                    a data set with rgb/ and depth/
//   detection        COCO JSON (`annotations`) of images in PATH/[SPLIT/]; with masks: polygons or RLE masks
//                    a data set with rgb/ and det/
//
// Files are listed when a set is opened and read when a sample is loaded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fourm/coco/rle_mask.h"
#include "fourm/data/check.h"
#include "fourm/io/mat_file.h"
#include "fourm/transfer/config.h"
#include "fourm/transfer/view.h"

namespace fourm {

struct LabelledData {
  std::string path, split, annotations, labels;

  std::string& short_form() { return path; }

  template <class Visitor>
  void fields(Visitor& v) {
    v("path", path, "folder or shards (docs/finetuning.md)", KeyRole::kChangeable);
    v("split", split,
      "folder of the split, as in ADE20K (training, validation); of NYUv2's .mat file train or test; empty = none",
      KeyRole::kChangeable);
    v("annotations", annotations, "detection: COCO JSON; empty = the folder det of the data set", KeyRole::kChangeable);
    v("labels", labels,
      "classification: where the class is. folder: the folder of the image; NAME: a text file of that modality; "
      "NAME.KEY: a key of its JSON, such as scene.room; empty = folder");
  }
};

/// An object of an image. Boxes are relative to the image.
struct LabelledObject {
  LabelledBox box;
  int64_t label = 0;
  bool crowd = false;             ///< a group of objects: not learned, and neither right nor wrong to find
  std::optional<RleMask> mask{};  ///< of the size of the image
};

/// The objects of which a view shows a part, in its square of `size` pixels per side. The box of an object with a mask is that of
/// the part of the mask.
std::vector<LabelledObject> visible_objects(const std::vector<LabelledObject>& objects, const CropView& view, int size);

inline constexpr uint8_t kNoLabel = 255;  ///< of semseg: a pixel without a class

struct LabelledSample {
  std::string name;
  StoredImage image;
  int64_t label = -1;                   ///< classification
  std::optional<StoredImage> map;       ///< semseg, or depth in metres (0 = unknown); of the size of the image
  std::vector<LabelledObject> objects;  ///< detection
};

/// Whether the objects of a set get masks.
enum class ObjectMasks {
  kNone,
  kWhereGiven,  ///< all of them where the set has masks, else none
  kRequired,    ///< Error when the set has none
};

class LabelledSet {
 public:
  /// `classes`: their names by number, which the set must not exceed; empty: those of the set, in the order of the layout.
  /// Faults of the layout go to `faults` where it is given, and the first is thrown otherwise.
  static LabelledSet open(const LabelledData& data, Task task, const std::vector<std::string>& classes = {},
                          std::vector<Fault>* faults = nullptr, ObjectMasks masks = ObjectMasks::kNone);

  int64_t size() const { return static_cast<int64_t>(items_.size()); }
  bool has_masks() const { return has_masks_; }  ///< of objects
  const std::vector<std::string>& classes() const { return classes_; }
  /// The numbers of the classes in COCO JSON.
  const std::vector<int64_t>& category_ids() const { return category_ids_; }
  const std::string& path() const { return path_; }
  std::string name(int64_t sample) const { return items_[sample].name; }
  /// Of classification, known before the image is read.
  int64_t label(int64_t sample) const { return items_[sample].label; }
  /// May be called from several threads. Error naming the file.
  LabelledSample load(int64_t sample) const;
  std::string origin(int64_t sample) const;  ///< the image file

  /// Only these samples stay, in this order.
  void keep(const std::vector<int64_t>& samples);

 private:
  friend class LabelledSetReader;
  struct Item {
    std::string name;
    fs::path image, map;
    int64_t source = -1, label = -1;  // `source`: a sample of source_, or an image of mat_
    std::vector<LabelledObject> objects;
  };
  LabelledSample load_nyu(const Item& item) const;

  std::string path_;
  Task task_ = Task::kClassification;
  std::vector<std::string> classes_;
  std::vector<int64_t> category_ids_;
  std::shared_ptr<const Source> source_;
  std::shared_ptr<const DepthUnits> units_ = std::make_shared<const DepthUnits>();
  std::optional<MatFile> mat_;
  std::vector<uint8_t> nyu_labels_;  // the class of each label of mat_, kNoLabel for none
  std::vector<Item> items_;
  bool zero_is_none_ = false;  // labels of ADE20K
  bool has_masks_ = false;
};

/// Reads the whole set. Faults: broken files, labels out of range, maps of another size than their images; warnings: classes
/// without samples.
CheckReport check_labelled(const LabelledData& data, Task task, int threads = 0,
                           ObjectMasks masks = ObjectMasks::kNone);

}  // namespace fourm
