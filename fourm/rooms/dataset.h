// Writes Rooms as a data set: a folder or tar shards a modality, a description and the credits.
#pragma once

#include "fourm/rooms/rooms.h"

namespace fourm {

struct RoomsReport {
  int64_t samples = 0;
  size_t models = 0;  ///< different models used
  bool solids = false;
};

/// Samples 0 to count - 1 into `out`: rgb, depth, normal, semseg, instance (PNG), det, caption, scene (JSON), all named
/// 000000 and up, dataset.yaml and CREDITS.txt; with `preview` a contact sheet of up to 64 samples, preview.png.
/// A `shard_size` above 0 puts the files of so many samples into one shard: rgb/shard-00000.tar, ... Error, before anything is
/// written, when `out` holds samples of other settings (as its dataset.yaml, or that of an unfinished run, says), more of
/// them, or of settings that no file names.
RoomsReport write_rooms(const RoomMaker& maker, int64_t count, const fs::path& out, int threads, bool preview,
                        int64_t shard_size = 0);

}  // namespace fourm
