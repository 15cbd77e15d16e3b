// Rooms: a generator of aligned images, maps, boxes and captions of furnished rooms.
#pragma once

#include <memory>
#include <optional>

#include "fourm/core/json.h"
#include "fourm/io/image.h"
#include "fourm/rooms/catalogue.h"
#include "fourm/rooms/layout.h"

namespace fourm {

struct RoomOptions {
  int size = 128;  ///< pixels per side of the images, 16 to 2048
  uint64_t seed = 0;
  Split split = Split::kTrain;     ///< splits share no rooms
  std::optional<Split> furniture;  ///< split of the furniture models; default: that of the rooms
  bool solids = false;             ///< also use furniture built from solids
  bool derived_maps = false;       ///< data sets also have the maps of rooms/derived_maps.h
  fs::path catalogue = kFurnitureFolder;
};

struct RoomSample {
  Image rgb;                          ///< 8-bit sRGB
  Raster<uint16_t> depth_mm;          ///< along the camera's axis, in millimetres
  Image normal;                       ///< (n + 1) / 2 * 255; x right, y up, z toward the viewer
  Raster<uint8_t> semseg;             ///< RoomClass
  Raster<uint16_t> instance;          ///< 0 = walls, floor and ceiling
  Json det;                           ///< {"instances": [{"boxes": [x0, y0, x1, y1], "class_name", "score"}]}
  std::vector<std::string> captions;  ///< three, of increasing detail
  Json scene;                  ///< camera, instances, and as "largest" the class of the largest piece of furniture
  std::vector<size_t> models;  ///< catalogue indices of the models in the room
};

class RoomMaker {
 public:
  explicit RoomMaker(RoomOptions options);

  const RoomOptions& options() const { return options_; }
  const Catalogue& catalogue() const { return *catalogue_; }
  /// Sample `index`. It depends on the options and the index only. Safe to call from several threads.
  RoomSample make(uint64_t index) const;

 private:
  RoomOptions options_;
  std::shared_ptr<const Catalogue> catalogue_;
  PartModels part_models_;
};

/// A sample without its rgb: maps at pixel centres, boxes, captions and the scene.
RoomSample render_maps(const Room& room, int size);
/// The shaded image.
Image render_rgb(const Room& room, int size);

}  // namespace fourm
