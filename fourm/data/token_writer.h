// Writes a token set (data/token_set.h) as tar shards, OUT/MODALITY/shard-00000.tar. Shards that are complete are kept, so
// that a run can resume an interrupted one.
#pragma once

#include "fourm/core/json.h"
#include "fourm/data/token_shards.h"
#include "fourm/io/tar.h"

namespace fourm {

struct TokenSetLayout {
  std::map<std::string, std::string> rows;  ///< of modalities.yaml, by modality: those that are made
  std::vector<std::string> copied;          ///< modalities of files that are copied
  bool texts_of_crops = false;              ///< of dataset.yaml: captions are about the crops (has_whole_image_texts)
  int64_t shard_size = 1000;                ///< samples
};

class TokenWriter {
 public:
  /// `settings`: an object of everything else that decides the bytes of the set. Makes the folder, or opens it again.
  /// Error when its shards were made with other settings. A shard is no longer complete when its samples or their files have
  /// changed; a note counts the shards of changed files.
  TokenWriter(const Source& source, fs::path out, const TokenSetLayout& layout, Json settings);

  int64_t shards() const { return static_cast<int64_t>(shards_.size()); }
  /// The samples of a shard, as indices of the source.
  const std::vector<int64_t>& samples(int64_t shard) const { return shards_.at(shard); }
  bool is_complete(int64_t shard) const;
  /// The broken samples of a complete shard: name -> why they were left out.
  std::map<std::string, std::string> broken(int64_t shard) const { return ShardRecord::read(records(), shard).broken; }

  /// A shard that is being written. Without commit() nothing of it is kept.
  class Shard {
   public:
    /// NAME.EXT of a modality. Samples are added in the order of samples().
    void add(const std::string& modality, const std::string& file, std::string_view bytes);
    /// `broken`: samples that were left out -> why.
    void commit(const std::map<std::string, std::string>& broken);

   private:
    friend class TokenWriter;
    Shard(const TokenWriter& writer, int64_t number);
    const TokenWriter& writer_;
    int64_t number_;
    uint64_t versions_;                     // of the files of its samples before they are read
    std::map<std::string, TarFile> files_;  // by modality
  };
  /// Begins a new shard.
  Shard begin(int64_t shard) const;

 private:
  fs::path records() const { return out_ / ".shards"; }
  fs::path path(const std::string& modality, int64_t shard) const { return out_ / modality / shard_name(shard); }
  uint64_t files_of(int64_t shard) const;
  uint64_t versions_of(int64_t shard) const;
  bool agrees(const ShardRecord& record, int64_t shard) const;
  void check_settings(const Json& settings) const;

  const Source& source_;
  fs::path out_;
  std::vector<std::string> modalities_;
  std::vector<std::vector<int64_t>> shards_;  // the samples of each
};

}  // namespace fourm
