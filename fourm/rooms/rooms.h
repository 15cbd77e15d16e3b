// Rooms: endless, exactly aligned pictures of furnished rooms, from a seed.
#pragma once

#include <memory>
#include <optional>

#include "fourm/core/json.h"
#include "fourm/io/image.h"
#include "fourm/rooms/catalogue.h"
#include "fourm/rooms/layout.h"

namespace fourm {

struct RoomOptions {
  int size = 128;  ///< side of the pictures, 16 to 2048
  uint64_t seed = 0;
  Split split = Split::kTrain;     ///< names the stream of rooms: splits never share one
  std::optional<Split> furniture;  ///< whose models are used; the split's own by default
  bool solids = false;             ///< furniture put together from solids beside the catalogue's
  fs::path catalogue = kFurnitureFolder;
};

struct RoomSample {
  Image rgb;                          ///< 8-bit sRGB
  Raster<uint16_t> depth_mm;          ///< along the camera's axis, in millimetres
  Image normal;                       ///< (n + 1) / 2 * 255; x right, y up, z toward the viewer
  Raster<uint8_t> semseg;             ///< RoomClass
  Raster<uint16_t> instance;          ///< 0 = walls, floor and ceiling
  Json det;                           ///< {"instances": [{"boxes": [x0, y0, x1, y1], "class_name", "score"}]}
  std::vector<std::string> captions;  ///< three, of growing detail
  Json scene;                         ///< camera, things, the largest one's class as "largest"
  std::vector<size_t> models;         ///< those in the room, as indices of the catalogue
};

class RoomMaker {
 public:
  explicit RoomMaker(RoomOptions options);

  const RoomOptions& options() const { return options_; }
  const Catalogue& catalogue() const { return *catalogue_; }
  /// Sample `index` of the stream; the same whatever was made before. Safe to call from several threads.
  RoomSample make(uint64_t index) const;

 private:
  RoomOptions options_;
  std::shared_ptr<const Catalogue> catalogue_;
  Casting casting_;
};

/// All of a sample but its rgb: maps at pixel centres, boxes, captions and the scene's description.
RoomSample render_maps(const Room& room, int size);
/// The lit picture.
Image render_rgb(const Room& room, int size);

}  // namespace fourm
