// The shards of a token set that `fourm tokenize` writes (data/token_writer.h): which samples each of them holds, and
// whether it is complete. A shard keeps its samples when the list of samples changes: only shards that lose a sample are
// made again, and new samples go into new shards.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "fourm/data/source.h"

namespace fourm {

/// The record that is written with a shard.
struct ShardRecord {
  std::vector<std::string> samples;           ///< names, those of broken samples included
  uint64_t files = 0;                         ///< hash of which files these samples had
  uint64_t versions = 0;                      ///< hash of sizes and times of these files; 0: not known
  std::map<std::string, std::string> broken;  ///< samples that were left out -> why

  void write(const fs::path& folder, int64_t shard) const;
  /// Error naming the file when it is no such record.
  static ShardRecord read(const fs::path& folder, int64_t shard);
  static bool exists(const fs::path& folder, int64_t shard);
};

/// The samples `names`, which are all different, in shards: first as the records in `folder` say, then the others, in
/// their order, `shard_size` in each shard that has no record. Returns positions in `names`, a list for each shard.
std::vector<std::vector<int64_t>> plan_shards(const fs::path& folder, const std::vector<std::string>& names,
                                              int64_t shard_size);

/// The settings that a token set was made with: FOLDER/made_from.json.
fs::path token_set_settings(const fs::path& folder);

/// The modality that is written last: a shard is complete once its archive of it is there.
inline constexpr const char* kLastModality = "crop_settings";

/// Error when `fourm tokenize` has not finished the set.
void check_finished(const Source& source);

}  // namespace fourm
