// Conversion between the layouts of a data set (data/source.h), and labels made from its images.
#pragma once

#include "fourm/data/source.h"

namespace fourm {

/// Copies every file as it is into one folder for each modality. Returns the number of samples.
int64_t convert_to_folders(const std::string& path, const fs::path& out);

/// Copies every file as it is into OUT/MODALITY/shard-00000.tar, ..., `shard_size` samples each. Error, before
/// anything is written, on a name that cannot be the key of a member (data/member_name.h).
int64_t convert_to_shards(const std::string& path, const fs::path& out, int64_t shard_size);

/// From the transparency of rgb/ in a set of folders: mask/NAME.png (255 where it is opaque) and det/NAME.json (the
/// tight box, its class the folder that the image is in). Images that are opaque throughout get no box; files that are there
/// stay. Returns how many images were labelled. Error, before anything is written, when no image has a transparent pixel.
int64_t label_by_transparency(const fs::path& path);

}  // namespace fourm
