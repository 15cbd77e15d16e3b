// Writes Rooms as a data set: one folder, or tar shards, for each modality, a description and the credits.
#pragma once

#include "fourm/core/config.h"
#include "fourm/rooms/rooms.h"

namespace fourm {

/// The options of `fourm rooms`.
struct RoomSetOptions {
  int64_t count = 64;
  int size = 128;
  uint64_t seed = 0;
  std::string split = "train", furniture;
  bool solids = false, derived_maps = false, preview = false;
  int64_t shard_size = 0;
  int threads = 0;

  template <class Visitor>
  void fields(Visitor& v) {
    v("count", count, "number of samples", Range{1, 100'000'000});
    v("size", size, "side of the images in pixels", Range{16, 2048});
    v("seed", seed, "seed of the rooms; the same seed gives the same bytes");
    v("split", split, "the splits have different rooms and different furniture", OneOf{{"train", "val", "test"}});
    v("furniture", furniture, "furniture of another split; default: that of the rooms",
      OneOf{{"", "train", "val", "test", "all"}});
    v("solids", solids, "also use furniture built from solids, each piece with random parts");
    v("derived_maps", derived_maps,
      "also write edge_texture, edge_occlusion, principal_curvature, reshading, keypoints2d and keypoints3d, the "
      "further "
      "tasks of Taskonomy");
    v("threads", threads, "0: one for each processor", Range{0, 4096});
    v("shards", shard_size, "write tar shards of so many samples; 0: folders", Range{0, 1'000'000});
    v("preview", preview, "also write preview.png, a sheet of up to 64 samples");
  }
  /// Error when a value breaks a rule.
  RoomOptions room_options() const;
};

struct RoomsReport {
  int64_t samples = 0;
  size_t models = 0;  ///< different models used
  bool solids = false;
};

/// Samples 0 to count - 1 into `out`: rgb, depth, normal, semseg, instance (PNG), det, caption, scene (JSON), all named
/// 000000 and up; with RoomOptions::derived_maps those maps too (PNG); dataset.yaml and CREDITS.txt; with `preview` a contact sheet of up to 64 samples, preview.png.
/// A `shard_size` above 0 puts the files of so many samples into one shard: rgb/shard-00000.tar, ... Error, before anything is
/// written, when `out` holds samples of other settings (as its dataset.yaml, or that of an unfinished run, says), more of
/// them, or of settings that no file names.
RoomsReport write_rooms(const RoomMaker& maker, int64_t count, const fs::path& out, int threads, bool preview,
                        int64_t shard_size = 0);

}  // namespace fourm
