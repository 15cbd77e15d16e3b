#include "fourm/io/npz.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/io/archive_reader.h"

namespace fourm {
namespace {

constexpr uint64_t kLargestArchive = uint64_t{1} << 31;  // bytes of all members, uncompressed

}  // namespace

std::map<std::string, NpyArray> decode_npz(std::string_view bytes, const std::string& origin,
                                           const std::vector<std::string>& names) {
  ArchiveReader zip(ArchiveFormat::kZip, origin, ".npz file");
  zip.open_memory(bytes);
  std::map<std::string, NpyArray> arrays;
  while (const auto member = zip.next()) {
    check(member->ends_with(".npy"), origin, ": holds ", printable(*member), ", expected .npy arrays");
    const std::string name = member->substr(0, member->size() - 4);
    if (!names.empty() && !contains(names, name)) continue;
    check(arrays.emplace(name, decode_npy(zip.read(kLargestArchive), origin + ": " + name)).second, origin,
          ": holds the array ", printable(name), " twice");
  }
  check(!arrays.empty() || !names.empty(), origin, ": holds no arrays");
  return arrays;
}

std::string encode_npz(const std::map<std::string, NpyArray>& arrays, bool compressed) {
  std::string bytes;
  const std::unique_ptr<archive, int (*)(archive*)> zip(archive_write_new(), archive_write_free);
  const auto done = [&](int64_t status) {
    check(status >= ARCHIVE_WARN, "[encode_npz] ", archive_error_string(zip.get()));
  };
  done(archive_write_set_format_zip(zip.get()));
  done(archive_write_set_options(zip.get(), compressed ? "zip:compression=deflate" : "zip:compression=store"));
  done(archive_write_set_bytes_in_last_block(zip.get(), 1));
  done(archive_write_open(
      zip.get(), &bytes, nullptr,
      [](archive*, void* out, const void* data, size_t n) -> la_ssize_t {
        static_cast<std::string*>(out)->append(static_cast<const char*>(data), n);
        return static_cast<la_ssize_t>(n);
      },
      nullptr));
  for (const auto& [name, array] : arrays) {
    const std::string member = encode_npy(array);
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), (name + ".npy").c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(member.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    done(archive_write_header(zip.get(), entry.get()));
    done(archive_write_data(zip.get(), member.data(), member.size()));
  }
  done(archive_write_close(zip.get()));
  return bytes;
}

}  // namespace fourm
