// Reading and writing of whole files. A reader finds the old or the new content of a file, never a part of it.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fourm {

namespace fs = std::filesystem;

/// The file's bytes. Error when it is missing, not a regular file, or larger than `limit`.
std::string read_file(const fs::path& path, uint64_t limit = uint64_t{1} << 31);

/// A file's bytes as read-only memory, loaded as they are used. Error when it is no regular file or is empty.
struct MappedFile {
  std::shared_ptr<const void> data;
  size_t size;
};
MappedFile map_file(const fs::path& path);

/// Writes beside `path`, syncs, renames. On any failure (a full disk too) `path` is as it was and Error is thrown.
void write_file(const fs::path& path, std::string_view bytes);

/// The same for content that is produced piece by piece.
void write_file(const fs::path& path, const std::function<void(std::ostream&)>& produce);

/// Makes the folder and its parents; Error says why it cannot.
void make_folder(const fs::path& path);

/// Error when files cannot be written into a folder that may not exist yet, or at this place: to say it before hours of
/// computing. Leaves nothing behind.
void check_writable_folder(const fs::path& folder);
void check_writable_file(const fs::path& file);

/// Error when the folder `out`, which may not exist yet, is the folder `source` or lies in it.
void check_outside(const fs::path& source, const fs::path& out);
/// Error when the folder `out`, which may not exist yet, is that of the data set `source`, lies in it or contains it: the
/// results would mix with the data that they are made from.
void check_apart(const fs::path& source, const fs::path& out);

/// The regular files directly in a folder whose extension is one of `extensions` (".png"; empty = all), sorted by name.
std::vector<fs::path> list_files(const fs::path& folder, const std::vector<std::string>& extensions = {});

}  // namespace fourm
