#include "fourm/transfer/labelled_set.h"

#include <cmath>

#include "fourm/core/strings.h"

namespace fourm {

std::vector<LabelledObject> visible_objects(const std::vector<LabelledObject>& objects, const CropView& view,
                                            int size) {
  std::vector<LabelledObject> seen;
  for (const auto& object : objects) {
    if (!object.mask) {
      if (const auto box = view_box(object.box, view)) seen.push_back({*box, object.label, object.crowd, {}});
      continue;
    }
    Image mask(static_cast<int>(object.mask->width), static_cast<int>(object.mask->height), 1);
    mask.pixels = object.mask->pixels();
    const RleMask part =
        RleMask::of_pixels(size, size, std::get<Image>(apply_view(input_kind("mask"), mask, view, size)).pixels);
    if (part.area() == 0) continue;
    const auto [x, y, width, height] = part.bounding_box();
    const LabelledBox box{x / size,        y / size, (x + width) / size, (y + height) / size, object.box.class_name,
                          object.box.score};
    seen.push_back({box, object.label, object.crowd, part});
  }
  return seen;
}

std::string LabelledSet::origin(int64_t sample) const {
  const Item& item = items_[sample];
  if (mat_) return concat(path_, ": image ", item.source + 1);
  return item.source >= 0 ? source_->origin(item.source, "rgb") : item.image.string();
}

// Height, width and image are the last of MATLAB's indices to change.
LabelledSample LabelledSet::load_nyu(const Item& item) const {
  const std::vector<int64_t> sizes = mat_->shape("images");
  const auto height = static_cast<int>(sizes[0]), width = static_cast<int>(sizes[1]);
  const auto each = [&](const char* name, int channels, const auto& put) {
    const std::vector<double> values = mat_->slice(name, item.source);
    size_t at = 0;
    for (int c = 0; c < channels; ++c)
      for (int x = 0; x < width; ++x)
        for (int y = 0; y < height; ++y) put(x, y, c, values[at++]);
  };
  LabelledSample out{item.name, {}, -1, {}, {}};
  Image image(width, height, 3);
  each("images", 3, [&](int x, int y, int c, double value) {
    check(value >= 0 && value <= 255, path_, ": images: image ", item.source + 1, " holds ", value,
          ", expected 0 to 255");
    image.at(x, y)[c] = static_cast<uint8_t>(value);
  });
  out.image = std::move(image);
  if (task_ == Task::kDepth) {
    Raster<float> depth(width, height, 1);
    each("depths", 1, [&](int x, int y, int, double metres) {
      check(std::isfinite(metres) && metres >= 0, path_, ": depths of image ", item.source + 1, " hold ", metres);
      *depth.at(x, y) = static_cast<float>(metres);
    });
    out.map = std::move(depth);
    return out;
  }
  Image labels(width, height, 1);
  each("labels", 1, [&](int x, int y, int, double label) {
    check(label >= 0 && label < static_cast<double>(nyu_labels_.size()), path_, ": labels of image ", item.source + 1,
          " hold ", label, ", expected at most ", nyu_labels_.size() - 1);
    *labels.at(x, y) = nyu_labels_[static_cast<size_t>(label)];
  });
  out.map = std::move(labels);
  return out;
}

LabelledSample LabelledSet::load(int64_t sample) const {
  const Item& item = items_[sample];
  if (mat_) return load_nyu(item);
  const InputConfig rgb = input_kind("rgb");
  LabelledSample out{item.name, {}, item.label, {}, item.objects};
  const bool from_source = item.source >= 0;
  out.image =
      decode_stored_image(rgb, from_source ? source_->read(item.source, "rgb") : read_file(item.image), origin(sample));
  for (const auto& object : out.objects)
    if (const auto& mask = object.mask)
      check(mask->width == width_of(out.image) && mask->height == height_of(out.image), origin(sample), ": is ",
            width_of(out.image), "x", height_of(out.image), ", its annotations are of ", mask->width, "x",
            mask->height);
  if (task_ != Task::kSemseg && task_ != Task::kDepth) return out;
  const char* modality = task_ == Task::kDepth ? "depth" : "semseg";
  const std::string file = from_source ? source_->origin(item.source, modality) : item.map.string();
  const std::string bytes = from_source ? source_->read(item.source, modality) : read_file(item.map);
  const auto unit = units_->of(from_source ? fs::path(source_->file(item.source, modality)) : item.map);
  out.map = decode_stored_image(input_kind(modality), bytes, file, unit);
  check(width_of(*out.map) == width_of(out.image) && height_of(*out.map) == height_of(out.image), file, ": is ",
        width_of(*out.map), "x", height_of(*out.map), ", its image ", width_of(out.image), "x", height_of(out.image));
  if (task_ == Task::kDepth) return out;
  for (auto& label : std::get<Image>(*out.map).pixels) {
    if (zero_is_none_) label = label == 0 ? kNoLabel : static_cast<uint8_t>(label - 1);
    check(label == kNoLabel || label < classes_.size(), file, ": holds the label ",
          int{label} + (zero_is_none_ ? 1 : 0), ", expected ", zero_is_none_ ? "0 to " : "at most ",
          classes_.size() - (zero_is_none_ ? 0 : 1));
  }
  return out;
}

void LabelledSet::keep(const std::vector<int64_t>& samples) {
  std::vector<Item> kept;
  for (const int64_t i : samples) kept.push_back(items_[i]);
  items_ = std::move(kept);
}

}  // namespace fourm
