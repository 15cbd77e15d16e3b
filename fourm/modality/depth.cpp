#include "fourm/modality/depth.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/config.h"
#include "fourm/core/finite_number.h"
#include "fourm/core/strings.h"
#include "fourm/io/npy.h"
#include "fourm/modality/dataset_description.h"

namespace fourm {
namespace {

// `depth` of a dataset.yaml.
struct DepthOfDataset {
  std::string unit;
  template <class V>
  void fields(V& v) {
    v("unit", unit, "m, cm, mm, or metres of one stored number");
  }
};

std::optional<double> unit_of_folder(const fs::path& first) {
  const fs::path file = nearest_dataset_description(first);
  if (file.empty()) return std::nullopt;
  const YAML::Node depth = read_yaml(file)["depth"];
  if (!depth.IsDefined()) return std::nullopt;
  DepthOfDataset stated;
  read_config(depth, stated, file.string() + ": depth");
  if (stated.unit.empty()) return std::nullopt;
  return parse_depth_unit(stated.unit, file.string() + ": depth.unit");
}

[[noreturn]] void unit_is_missing(const std::string& origin, const std::string& found) {
  fail(origin, ": is ", found, ", whose unit is not known, expected 16-bit grey PNG in millimetres or .npy of floats ",
       "in metres; write its unit into the dataset.yaml of the data set (of its folder, where it is in none), such as "
       "`depth: {unit: cm}`");
}

Raster<float> from_png(std::string_view bytes, const std::string& origin, std::optional<double> unit) {
  const auto png = png_kind(bytes);
  check(png.has_value(), origin, ": is neither PNG nor .npy; save depth as 16-bit grey PNG in millimetres, or as .npy ",
        "of floats in metres");
  check(png->colour == 0 && png->bits >= 8, origin, ": is a PNG of ", png->bits, " bits and colour type ", png->colour,
        ", expected 16-bit grey in millimetres, or .npy of floats in metres");
  if (png->bits == 8 && !unit) unit_is_missing(origin, "an 8-bit PNG");
  const Raster<uint16_t> stored = decode_png16(bytes, origin);
  Raster<float> metres(stored.width, stored.height, 1);
  std::transform(stored.pixels.begin(), stored.pixels.end(), metres.pixels.begin(),
                 [scale = unit.value_or(0.001)](uint16_t v) { return static_cast<float>(v * scale); });
  return metres;
}

Raster<float> from_npy(std::string_view bytes, const std::string& origin, std::optional<double> unit) {
  const NpyArray array = decode_npy(bytes, origin);
  check(array.shape.size() == 2 && array.count() > 0 && array.count() < static_cast<int64_t>(kMaxImagePixels), origin,
        ": has the wrong shape, ", array.shape.size(), " dimensions; a depth map must be an array [H, W]");
  if (array.dtype[0] != 'f' && !unit) unit_is_missing(origin, "an array of integers ('" + array.dtype + "')");
  const std::vector<float> stored = npy_floats(array);
  Raster<float> metres(static_cast<int>(array.shape[1]), static_cast<int>(array.shape[0]), 1);
  for (size_t i = 0; i < stored.size(); ++i) {
    if (std::isnan(stored[i])) continue;  // unknown
    check(std::isfinite(stored[i]) && stored[i] >= 0, origin, ": holds the depth ", stored[i], " at row ",
          i / metres.width, ", column ", i % metres.width, "; write 0 or NaN where it is not known");
    metres.pixels[i] = static_cast<float>(stored[i] * unit.value_or(1));
  }
  return metres;
}

}  // namespace

double parse_depth_unit(const std::string& text, const std::string& origin) {
  if (text == "m") return 1;
  if (text == "cm") return 0.01;
  if (text == "mm") return 0.001;
  if (const auto metres = finite_number(text); metres && *metres > 0) return *metres;
  fail(origin, ": ", printable(text), " is no unit of depth; expected m, cm, mm, or the metres of one stored number, ",
       "such as 0.0002");
}

DepthUnits::DepthUnits(const std::string& stated) {
  if (!stated.empty()) stated_ = parse_depth_unit(stated, "the unit of depth");
}

std::optional<double> DepthUnits::of(const fs::path& file) const {
  if (stated_) return stated_;
  const fs::path folder = file.parent_path();
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = found_.try_emplace(folder);
  if (is_new) found->second = unit_of_folder(folder);
  return found->second;
}

Raster<float> decode_depth(std::string_view bytes, const std::string& origin, std::optional<double> unit) {
  return bytes.starts_with("\x93NUMPY") ? from_npy(bytes, origin, unit) : from_png(bytes, origin, unit);
}

Raster<float> depth_in_metres(const Raster<uint16_t>& millimetres) {
  Raster<float> metres(millimetres.width, millimetres.height, 1);
  std::transform(millimetres.pixels.begin(), millimetres.pixels.end(), metres.pixels.begin(),
                 [](uint16_t v) { return static_cast<float>(v * 0.001); });
  return metres;
}

std::string encode_depth_png(const Raster<float>& metres) {
  Raster<uint16_t> stored(metres.width, metres.height, 1);
  for (size_t i = 0; i < stored.pixels.size(); ++i) {
    const double millimetres = std::round(metres.pixels[i] * 1000.0);
    check(millimetres >= 0 && millimetres <= 65535, "the depth ", metres.pixels[i],
          " m does not fit a 16-bit PNG in millimetres, which holds 0 to ", kMostPngMetres, " m; save it as .npy");
    stored.pixels[i] = static_cast<uint16_t>(millimetres);
  }
  return encode_png16(stored);
}

std::string encode_depth_npy(const Raster<float>& metres) {
  return encode_npy(npy_from_floats(metres.pixels, {metres.height, metres.width}));
}

}  // namespace fourm
