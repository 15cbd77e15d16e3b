#include "fourm/io/zip.h"

#include <cstring>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

// Records of the format, with the length of their fixed part (PKWARE's application note, 4.3).
constexpr std::string_view kLocal = "PK\x03\x04", kCentral = "PK\x01\x02", kEnd = "PK\x05\x06", kEnd64 = "PK\x06\x06",
                           kLocator64 = "PK\x06\x07";
constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
constexpr size_t kLongestComment = 65535;
constexpr uint32_t kIn64 = 0xffffffff;  // "see the 64-bit record"

class Directory {
 public:
  Directory(std::string_view bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  std::vector<ZipArchive::Entry> entries() const {
    const uint64_t end = end_record();
    uint64_t count = number(end + 10, 2), at = number(end + 16, 4);
    if (end >= kLocator64Size && starts(end - kLocator64Size, kLocator64)) {
      const uint64_t end64 = number(end - kLocator64Size + 8, 8);
      check_directory(holds(end64, kEnd64Size) && starts(end64, kEnd64));
      count = number(end64 + 32, 8), at = number(end64 + 48, 8);
    }
    check_directory(count <= bytes_.size() / kCentralSize);
    std::vector<ZipArchive::Entry> entries;
    for (uint64_t i = 0; i < count; ++i) {
      check_directory(holds(at, kCentralSize) && starts(at, kCentral));
      const uint64_t name = number(at + 28, 2), extra = number(at + 30, 2), comment = number(at + 32, 2);
      check_directory(holds(at + kCentralSize, name + extra + comment));
      entries.push_back(entry(at, name, extra));
      at += kCentralSize + name + extra + comment;
    }
    return entries;
  }

 private:
  void check_directory(bool ok) const {
    check(ok, origin_, ": the zip directory is broken or cut; is the download complete?");
  }
  bool holds(uint64_t at, uint64_t n) const { return at <= bytes_.size() && n <= bytes_.size() - at; }
  bool starts(uint64_t at, std::string_view mark) const { return bytes_.substr(at).starts_with(mark); }
  uint64_t number(uint64_t at, size_t width) const {
    check_directory(holds(at, width));
    uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at, width);
    return value;
  }

  uint64_t end_record() const {
    check_directory(bytes_.size() >= kEndSize);
    const size_t last = bytes_.size() - kEndSize, first = last > kLongestComment ? last - kLongestComment : 0;
    const size_t at = bytes_.rfind(kEnd, last);
    check_directory(at != std::string_view::npos && at >= first);
    return at;
  }

  ZipArchive::Entry entry(uint64_t at, uint64_t name_size, uint64_t extra_size) const {
    ZipArchive::Entry e{std::string(bytes_.substr(at + kCentralSize, name_size)), 0, number(at + 24, 4)};
    check(number(at + 10, 2) == 0 && number(at + 20, 4) == number(at + 24, 4), origin_, ": ", printable(e.name, 100),
          " is compressed; save the checkpoint with torch.save");
    uint64_t local = number(at + 42, 4);
    // The 64-bit extra field has those of size, compressed size and offset that did not fit.
    uint64_t field = at + kCentralSize + name_size;
    const uint64_t fields_end = field + extra_size;
    while (field + 4 <= fields_end) {
      const uint64_t kind = number(field, 2), size = number(field + 2, 2);
      uint64_t value = field + 4;
      const auto next = [&] {
        check_directory(value + 8 <= field + 4 + size && value + 8 <= fields_end);
        value += 8;
        return number(value - 8, 8);
      };
      if (kind == 1) {
        if (e.size == kIn64) {
          e.size = next();
          check_directory(next() == e.size);
        }
        if (local == kIn64) local = next();
      }
      field += 4 + size;
    }
    check_directory(holds(local, kLocalSize) && starts(local, kLocal));
    e.offset = local + kLocalSize + number(local + 26, 2) + number(local + 28, 2);
    check_directory(holds(e.offset, e.size));
    return e;
  }

  std::string_view bytes_;
  const std::string& origin_;
};

}  // namespace

ZipArchive ZipArchive::open(const fs::path& path) {
  ZipArchive zip;
  const MappedFile file = map_file(path);
  zip.mapping_ = file.data;
  zip.bytes_ = {static_cast<const char*>(file.data.get()), file.size};
  zip.entries_ = Directory(zip.bytes_, path.string()).entries();
  for (size_t i = 0; i < zip.entries_.size(); ++i)
    check(zip.index_.emplace(zip.entries_[i].name, i).second, path.string(), ": the member ",
          printable(zip.entries_[i].name, 100), " is there twice");
  return zip;
}

const ZipArchive::Entry* ZipArchive::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

}  // namespace fourm
