#include "fourm/io/tar.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <ostream>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::string name_fault(const std::string& name) {
  if (name.empty()) return "has no name";
  if (name.starts_with('/')) return "has an absolute path";
  for (const auto& part : split(name, '/'))
    if (part.empty() || part == "." || part == "..") return "has a path with an empty part, '.' or '..'";
  if (name.find('\0') != std::string::npos || printable(name, name.size()).find('?') != std::string::npos)
    for (const char c : name)
      if (static_cast<unsigned char>(c) < 0x20) return "has control characters in its name";
  return "";
}

}  // namespace

std::string shard_name(int64_t number) {
  const std::string digits = std::to_string(number);
  return "shard-" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits + ".tar";
}

// "gzip" for the first bytes of a compressed file; "" for any other.
static std::string_view compression(const fs::path& path) {
  static constexpr std::pair<std::string_view, std::string_view> kStarts[]{{"\x1f\x8b", "gzip"},
                                                                           {"BZh", "bzip2"},
                                                                           {"\xfd"
                                                                            "7zXZ",
                                                                            "xz"},
                                                                           {"\x28\xb5\x2f\xfd", "zstd"},
                                                                           {"PK\x03\x04", "zip"},
                                                                           {"7z\xbc\xaf", "7z"}};
  char start[8] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof start);
  for (const auto& [bytes, name] : kStarts)
    if (std::string_view(start, sizeof start).starts_with(bytes)) return name;
  return "";
}

TarListing list_tar(const fs::path& path) {
  std::error_code error;
  check(fs::is_regular_file(path, error), path.string(), ": no such archive");
  const uint64_t total = fs::file_size(path, error);
  check(!error, path.string(), ": ", error.message());
  TarListing listing;
  if (total == 0) {
    listing.fault = "is empty";
    return listing;
  }
  if (const std::string_view packed = compression(path); !packed.empty()) {
    listing.fault = concat("is compressed (", packed, "), which is not read");
    return listing;
  }
  const std::unique_ptr<archive, int (*)(archive*)> tar(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(tar.get());
  const auto stopped = [&] {
    const char* text = archive_error_string(tar.get());
    listing.fault = concat("is not a tar archive or is cut (", text ? text : "unknown reason", ")");
    return listing;
  };
  if (archive_read_open_filename(tar.get(), path.c_str(), 1 << 16) < ARCHIVE_WARN) return stopped();
  for (archive_entry* entry; true;) {
    const int status = archive_read_next_header(tar.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN) return stopped();
    const char* name = archive_entry_pathname(entry);
    if (!name) name = archive_entry_pathname_utf8(entry);  // beyond the locale
    TarMember member{name ? name : "", static_cast<uint64_t>(archive_filter_bytes(tar.get(), 0)), 0, ""};
    if (member.name.starts_with("./")) member.name.erase(0, 2);
    if (archive_entry_filetype(entry) == AE_IFDIR) continue;
    const int64_t size = archive_entry_size(entry);
    member.size = static_cast<uint64_t>(size);
    member.fault = name_fault(member.name);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
      member.fault = "is a link or a device, not a file";
    if (archive_entry_sparse_count(entry) > 0) member.fault = "is stored as a sparse file";
    const bool beyond = size < 0 || member.offset > total || member.size > total - member.offset;
    if (beyond)
      member.fault =
          concat("claims ", size, " bytes, the archive has ", total - std::min(total, member.offset), " left");
    listing.members.push_back(std::move(member));
    if (beyond) {
      listing.fault = "ends inside its last member";
      break;
    }
  }
  return listing;
}

struct TarWriter::Archive {
  std::unique_ptr<archive, int (*)(archive*)> tar{archive_write_new(), archive_write_free};
  std::string where;
  void check_status(la_ssize_t status) const {
    if (status >= ARCHIVE_OK) return;
    const char* reason = archive_error_string(tar.get());
    fail(where, ": cannot be written (", reason ? reason : std::strerror(errno), "); is the disk full?");
  }
};

TarWriter::TarWriter(std::ostream& out, std::string where) : archive_(std::make_unique<Archive>()) {
  archive_->where = std::move(where);
  archive_write_set_format_gnutar(archive_->tar.get());  // names are bytes, whatever the locale
  archive_->check_status(archive_write_open(
      archive_->tar.get(), &out, nullptr,
      [](archive*, void* stream, const void* bytes, size_t n) -> la_ssize_t {
        auto& to = *static_cast<std::ostream*>(stream);
        to.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(n));
        return to.good() ? static_cast<la_ssize_t>(n) : -1;
      },
      nullptr));
}

TarWriter::~TarWriter() = default;

void TarWriter::add(const std::string& name, std::string_view bytes) {
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  archive_->check_status(archive_write_header(archive_->tar.get(), entry.get()));
  archive_->check_status(archive_write_data(archive_->tar.get(), bytes.data(), bytes.size()));
}

void TarWriter::finish() { archive_->check_status(archive_write_close(archive_->tar.get())); }

void write_tar(const fs::path& path, const std::function<void(TarWriter&)>& fill) {
  write_file(path, [&](std::ostream& out) {
    TarWriter writer(out, path.string());
    fill(writer);
    writer.finish();
  });
}

}  // namespace fourm
