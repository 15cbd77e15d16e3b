// .npz files for tests, as numpy.savez and numpy.savez_compressed write them.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <map>
#include <string>

#include "fourm/io/npy.h"

namespace fourm::test {

inline std::string encode_npz(const std::map<std::string, NpyArray>& arrays, bool compressed = false) {
  std::string bytes(1 << 22, '\0');
  size_t used = 0;
  archive* zip = archive_write_new();
  archive_write_set_format_zip(zip);
  archive_write_set_options(zip, compressed ? "zip:compression=deflate" : "zip:compression=store");
  archive_write_open_memory(zip, bytes.data(), bytes.size(), &used);
  for (const auto& [name, array] : arrays) {
    const std::string member = encode_npy(array);
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, (name + ".npy").c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(member.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_write_header(zip, entry);
    archive_write_data(zip, member.data(), member.size());
    archive_entry_free(entry);
  }
  archive_write_close(zip);
  archive_write_free(zip);
  bytes.resize(used);
  return bytes;
}

}  // namespace fourm::test
