// NumPy's .npz files: a zip archive of .npy members, stored (numpy.savez) or compressed (numpy.savez_compressed).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "fourm/io/npy.h"

namespace fourm {

/// Array name -> array: those of `names`, or all when it is empty. Error naming `origin` on a broken archive, a member that
/// is no .npy file, a requested array that cannot be read, and more than 2 GiB.
std::map<std::string, NpyArray> decode_npz(std::string_view bytes, const std::string& origin,
                                           const std::vector<std::string>& names = {});

/// The bytes of an archive of these arrays.
std::string encode_npz(const std::map<std::string, NpyArray>& arrays, bool compressed = false);

}  // namespace fourm
