// The finished samples of a run on disk, so that an interrupted run can be resumed.
#pragma once

#include <ios>
#include <map>
#include <string>

#include "fourm/core/json.h"

namespace fourm {

/// A line of JSON a sample, behind a line with the settings. A finished run has a manifest instead:
/// {"settings": ..., "samples": [...]}.
class ResultJournal {
 public:
  /// Reads the manifest, else the journal `file`; `overwrite` removes both, but for a journal of these settings,
  /// whose run was interrupted. Error when they are of other settings.
  ResultJournal(fs::path file, const fs::path& manifest, const Json& settings, bool overwrite);

  /// Whether there was neither: nothing in the folder is known to be of these settings.
  bool is_new() const { return is_new_; }
  /// Makes the file in place of the manifest, so that what is written from now on is known to be of this run.
  void begin();
  /// The sample's record; null when it is not finished. A record with a "failure" is not: it is tried again.
  const Json* find(const std::string& sample) const;
  void append(const Json& sample);
  /// From begin() on the sample is not finished, in later runs either.
  void forget(const std::string& sample) { samples_.erase(sample); }
  /// The manifest or journal that was read, for messages.
  const fs::path& origin() const { return origin_; }
  void remove() const;  ///< when the manifest is written

 private:
  void add(const Json& sample);
  void read();
  void write(const std::string& text, std::ios::openmode mode);

  fs::path file_, manifest_, origin_;
  Json settings_;
  std::map<std::string, Json> samples_{};
  bool is_open_ = false, is_new_ = false;
};

/// Error when a manifest or journal, such as that of another worker, has other settings. One that is being begun has none yet.
void check_same_settings(const fs::path& file, const Json& settings);

}  // namespace fourm
