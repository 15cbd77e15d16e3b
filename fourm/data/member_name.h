// Names of files in tar shards: KEY.EXT or KEY.MODALITY.EXT.
#pragma once

#include <string>

namespace fourm {

/// The parts of the name of a shard's member.
struct MemberName {
  std::string key, modality, extension;  ///< "IMG_2.0", "rgb" (or ""), "png" (as written; or "")
  std::string problem;                   ///< why the name has no unique parts; empty: it has
  /// What follows the key: ".rgb.png".
  std::string suffix() const;
};

/// A modality begins with a letter, so parts that begin with a digit belong to the key. Other dots in a key are a
/// problem: webdataset ends a key at its first dot, and several samples would get the same key.
MemberName parse_member_name(const std::string& name);

/// Why a sample of this name cannot be the key of a member NAME.EXT; empty: it can.
std::string shard_key_problem(const std::string& name);

/// Error naming `where` (the data set) and the sample when its name cannot be a key.
void check_shard_key(const std::string& name, const std::string& where);

}  // namespace fourm
