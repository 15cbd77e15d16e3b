// The files of a data set in either of its two layouts, as samples that are paired by name:
//
//   PATH/MODALITY/[CLASS/]NAME.EXT         a folder a modality
//   PATH/MODALITY/SHARD.tar                a tar a modality and shard, with members NAME.EXT
//   PATH/SHARD.tar                         a tar a shard, with members NAME.MODALITY.EXT (webdataset)
//   root/[rgb,caption]/{0000..0099}.tar    shards by pattern: lists in brackets or braces, ranges in braces
//
// Nothing is decoded here. A sample may lack modalities.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

/// One thing that is wrong with a data set, as a person can act on it.
struct Fault {
  std::string file, member;  ///< `member` of an archive, or the sample; may be empty
  std::string problem, remedy;
  std::string text() const;  ///< "file: member: problem; remedy"
};

/// "a{00..02}[x,y].tar" -> a00x.tar, a00y.tar, a01x.tar, ... Brackets and braces of a file or folder that exists are
/// part of its name. Error when it stands for more than a million names.
std::vector<std::string> expand_pattern(const std::string& pattern);

class Source {
 public:
  /// Scans `path`. What is wrong with the layout goes to `faults` and is left out; without `faults` the first is
  /// thrown.
  static Source open(const std::string& path, std::vector<Fault>* faults = nullptr);

  const std::string& path() const { return path_; }
  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  const std::string& name(int64_t sample) const { return names_[sample]; }
  const std::vector<std::string>& modalities() const { return modalities_; }  ///< sorted
  bool has(const std::string& modality) const { return members_.contains(modality); }
  bool has(int64_t sample, const std::string& modality) const { return find(sample, modality) != nullptr; }
  /// In tar archives, not in folders of files.
  bool in_archives() const { return archives_; }
  /// The first sample of each shard; a folder is one shard.
  const std::vector<int64_t>& shards() const { return shards_; }

  /// The file's bytes. Error when they cannot be read. Safe to call from several threads.
  std::string read(int64_t sample, const std::string& modality) const;
  std::string extension(int64_t sample, const std::string& modality) const;  ///< "png"
  std::string file(int64_t sample, const std::string& modality) const;       ///< the file or the archive
  std::string member(int64_t sample, const std::string& modality) const;     ///< in the archive; else ""
  std::string origin(int64_t sample, const std::string& modality) const;     ///< both, for messages
  /// Where the file of a sample that lacks `modality` would be.
  std::string expected(int64_t sample, const std::string& modality) const;

 private:
  struct Member {
    int32_t file = -1;  // into files_; -1: absent
    uint8_t extension = 0;
    uint64_t offset = 0, size = 0;
  };
  class Scan;
  const Member* find(int64_t sample, const std::string& modality) const;
  const Member& at(int64_t sample, const std::string& modality) const;
  size_t shard_of(int64_t sample) const;

  std::string path_;
  bool archives_ = false, together_ = false;  // in tars; all modalities of a sample in one
  std::vector<std::string> modalities_, names_, files_;
  std::map<std::string, std::vector<Member>> members_;  // modality -> a member a sample
  std::vector<int64_t> shards_;
  std::vector<std::string> shard_names_;
};

}  // namespace fourm
