// Masks in run-length encoding (RLE), and polygons turned into them, exactly as pycocotools does (maskApi.c): column after column from the
// top left, in runs that are alternately outside and inside the mask, outside first.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fourm {

/// x, y of the top left corner, width and height, in pixels.
using PixelBox = std::array<double, 4>;

struct RleMask {
  int64_t height = 0, width = 0;
  std::vector<uint32_t> counts;  ///< their sum is height x width

  /// Error unless the counts add up to the pixels of the mask.
  static RleMask of_counts(int64_t height, int64_t width, std::vector<uint32_t> counts);
  /// The compressed text of COCO's files. Error on other text, and as above.
  static RleMask parse(int64_t height, int64_t width, std::string_view text);
  /// 1 inside; [height, width], row after row.
  static RleMask of_pixels(int64_t height, int64_t width, const std::vector<uint8_t>& pixels);
  /// The pixels inside x0, y0, x1, y1, ...; an odd last number is ignored. Error on fewer than two points, and where the
  /// polygon is too large for memory.
  static RleMask of_polygon(int64_t height, int64_t width, const std::vector<double>& corners);
  /// The pixels of any of them. Error unless they are of one size and there is one or more.
  static RleMask union_of(const std::vector<RleMask>& masks);

  std::string text() const;  ///< compressed; RleMask::parse reads it
  std::vector<uint8_t> pixels() const;
  int64_t area() const;
  PixelBox bounding_box() const;  ///< zeros for an empty mask
};

/// Area of the intersection over area of the union. With `crowd` over the area of the first, the prediction. 0 where nothing is shared.
double intersection_over_union(const PixelBox& prediction, const PixelBox& truth, bool crowd = false);
/// The same; -1 for masks of two sizes.
double intersection_over_union(const RleMask& prediction, const RleMask& truth, bool crowd = false);

}  // namespace fourm
