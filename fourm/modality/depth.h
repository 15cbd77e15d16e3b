// Depth maps as files. A 16-bit grey PNG holds millimetres and a .npy of floats holds metres. Files of another format or
// unit need `depth: {unit: cm}` in the dataset.yaml of their data set.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "fourm/io/image.h"

namespace fourm {

inline constexpr double kMostPngMetres = 65.535;  ///< largest depth in a 16-bit PNG in millimetres

/// Metres of one stored number: "m", "cm", "mm" or a positive number. Error naming `origin` on anything else.
double parse_depth_unit(const std::string& text, const std::string& origin);

/// Units of depth files that are stated outside the files.
class DepthUnits {
 public:
  /// `stated`: the unit of every file, as parse_depth_unit reads it. Empty: each data set states its own.
  explicit DepthUnits(const std::string& stated = "");

  /// Metres of one stored number: `stated`, else `depth.unit` of the nearest dataset.yaml in the file's folder or up to
  /// four folders above it. Nothing where no unit is stated. May be called from several threads.
  std::optional<double> of(const fs::path& file) const;

 private:
  std::optional<double> stated_;
  mutable std::mutex mutex_;
  mutable std::map<fs::path, std::optional<double>> found_;  // by folder
};

/// Depth in metres [H, W]. Unknown pixels (0, or NaN in floats) are 0. `unit`: from DepthUnits. Error on a file whose
/// unit is not known, on a negative depth and on infinity.
Raster<float> decode_depth(std::string_view bytes, const std::string& origin, std::optional<double> unit = {});

/// Millimetres to metres.
Raster<float> depth_in_metres(const Raster<uint16_t>& millimetres);

/// Depth in metres to a 16-bit PNG in millimetres. Error on a depth above 65.535 m, which needs a .npy.
std::string encode_depth_png(const Raster<float>& metres);
/// Depth in metres to a .npy of floats [H, W].
std::string encode_depth_npy(const Raster<float>& metres);

}  // namespace fourm
