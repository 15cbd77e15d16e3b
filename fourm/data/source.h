// The files of a data set in either of its two layouts, as samples that are paired by name:
//
//   PATH/MODALITY/[CLASS/]NAME.EXT         a folder for each modality
//   PATH/MODALITY/SHARD.tar                a tar for each modality and shard, with members NAME.EXT
//   PATH/SHARD.tar                         a tar for each shard, with members NAME.MODALITY.EXT (webdataset), or NAME.jpg,
//                                          NAME.txt and NAME.json (img2dataset): rgb, caption and source_info
//   root/[rgb,caption]/{0000..0099}.tar    shards by pattern: lists in brackets or braces, ranges in braces
//
// JSON files may be compressed (NAME.json.gz). Nothing is decoded here. A sample may lack modalities.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fourm/core/file.h"

namespace fourm {

/// The modality of the JSON files in img2dataset's shards: URL, size and state of the download. It is not the
/// `metadata` of 4M-21, and no model is trained on it.
inline constexpr const char* kSourceInfo = "source_info";

/// One fault of a data set, with its remedy.
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

  /// Keeps a fraction of the samples, above 0 to 1, rounded up: always the same ones, by their names, and those of a smaller
  /// fraction are among those of a larger one.
  void keep_fraction(double fraction);

  const std::string& path() const { return path_; }
  /// The folder of the set, which may hold files that describe it (dataset.yaml); of a pattern that of its first shard.
  fs::path root() const;
  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  const std::string& name(int64_t sample) const { return names_[sample]; }
  const std::vector<std::string>& modalities() const { return modalities_; }  ///< sorted
  bool has(const std::string& modality) const { return members_.contains(modality); }
  bool has(int64_t sample, const std::string& modality) const { return find(sample, modality) != nullptr; }
  /// In tar archives, not in folders of files.
  bool in_archives() const { return archives_; }
  /// The first sample of each shard; a folder is one shard.
  const std::vector<int64_t>& shards() const { return shards_; }

  /// The file's bytes, uncompressed. Error when they cannot be read. Safe to call from several threads.
  std::string read(int64_t sample, const std::string& modality) const;
  std::string extension(int64_t sample, const std::string& modality) const;  ///< "png", in lower case
  std::string file(int64_t sample, const std::string& modality) const;       ///< the file or the archive
  std::string member(int64_t sample, const std::string& modality) const;     ///< in the archive; else ""
  std::string origin(int64_t sample, const std::string& modality) const;     ///< both, for messages
  /// Size and time of the last change of the file (of its archive), which tell whether it is still the same.
  std::string version(int64_t sample, const std::string& modality) const;
  /// Where the file of a sample that lacks `modality` would be.
  std::string expected(int64_t sample, const std::string& modality) const;

 private:
  struct Member {
    int32_t file = -1;    // into files_; -1: absent
    uint32_t suffix = 0;  // into suffixes_
    uint64_t offset = 0, size = 0;
  };
  // What follows the sample's name: ".rgb.JPG" with the extension "jpg".
  struct Suffix {
    std::string text, extension;
  };
  class Scan;
  const Member* find(int64_t sample, const std::string& modality) const;
  const Member& at(int64_t sample, const std::string& modality) const;
  size_t shard_of(int64_t sample) const;
  std::string stored_bytes(int64_t sample, const std::string& modality) const;

  std::string path_;
  bool archives_ = false, together_ = false;  // in tars; all modalities of a sample in one
  std::vector<std::string> modalities_, names_, files_;
  std::vector<Suffix> suffixes_;
  std::map<std::string, std::vector<Member>> members_;  // modality -> a member a sample
  std::vector<int64_t> shards_;
  std::vector<std::string> shard_names_;
};

}  // namespace fourm
