#include "fourm/io/safetensors.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ostream>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit

struct TypeRow {
  DType dtype;
  std::string_view name;
  size_t size;
};
constexpr std::array<TypeRow, 10> kTypes{{{DType::kF64, "F64", 8},
                                          {DType::kF32, "F32", 4},
                                          {DType::kF16, "F16", 2},
                                          {DType::kBF16, "BF16", 2},
                                          {DType::kI64, "I64", 8},
                                          {DType::kI32, "I32", 4},
                                          {DType::kI16, "I16", 2},
                                          {DType::kI8, "I8", 1},
                                          {DType::kU8, "U8", 1},
                                          {DType::kBool, "BOOL", 1}}};

StoredTensor read_entry(const std::string& where, const std::string& name, const nlohmann::json& entry,
                        const std::byte* data, uint64_t data_size) {
  const std::string at = where + ": tensor " + printable(name, 200);
  const auto type_text = json_get<std::string>(entry, "dtype", at);
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& t) { return t.name == type_text; });
  check(type != kTypes.end(), at, " has the unknown dtype ", printable(type_text));
  const auto shape_json = json_get<nlohmann::json>(entry, "shape", at);
  const auto offsets = json_get<nlohmann::json>(entry, "data_offsets", at);
  const auto natural = [](const nlohmann::json& j) { return j.is_number_unsigned(); };
  check(shape_json.is_array() && shape_json.size() <= 16 && std::all_of(shape_json.begin(), shape_json.end(), natural),
        at, ": the shape is not a list of at most 16 integers");
  check(offsets.is_array() && offsets.size() == 2 && std::all_of(offsets.begin(), offsets.end(), natural), at,
        ": data_offsets is not a pair of integers");
  const uint64_t begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
  check(begin <= end && end <= data_size, at, ": bytes ", begin, " to ", end, " are outside the file's ", data_size,
        " bytes of data; is the download complete?");
  StoredTensor tensor{name, type->dtype, {}, data + begin, end - begin};
  unsigned __int128 bytes = type->size;
  bool empty = false;
  for (const auto& extent : shape_json) {
    const uint64_t n = extent.get<uint64_t>();
    check(n <= uint64_t{1} << 62, at, ": the shape is too large");
    empty |= n == 0;
    if (!empty) bytes = std::min<unsigned __int128>(bytes * n, static_cast<unsigned __int128>(1) << 64);
    tensor.shape.push_back(static_cast<int64_t>(n));
  }
  if (empty) bytes = 0;
  check(bytes == tensor.bytes, at, ": shape and dtype need another number of bytes than the ", tensor.bytes,
        " that data_offsets give");
  return tensor;
}

}  // namespace

std::string_view dtype_name(DType dtype) { return kTypes[static_cast<size_t>(dtype)].name; }
size_t dtype_size(DType dtype) { return kTypes[static_cast<size_t>(dtype)].size; }

SafetensorsFile SafetensorsFile::open(const fs::path& path) {
  SafetensorsFile file;
  file.path_ = path;
  const std::string where = path.string();
  const auto [mapping, size] = map_file(path);
  check(size >= 8, where, ": has ", size, " bytes, too short for a safetensors file; is the download complete?");
  file.mapping_ = mapping;
  file.size_ = size;
  const auto* bytes = static_cast<const std::byte*>(file.mapping_.get());
  uint64_t header_size;
  std::memcpy(&header_size, bytes, 8);
  check(header_size <= kMaxHeader, where, ": the header claims ", header_size, " bytes, at most ", kMaxHeader,
        " are allowed; this is no safetensors file, or it is broken");
  check(header_size <= size - 8, where, ": the header claims ", header_size, " bytes, the file has ", size - 8,
        "; is the download complete?");
  const nlohmann::json header =
      parse_table({reinterpret_cast<const char*>(bytes) + 8, static_cast<size_t>(header_size)}, where + ": header");
  check(header.is_object(), where, ": the header is not a JSON object");
  const uint64_t data_size = size - 8 - header_size;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      check(entry.is_object(), where, ": __metadata__ is not an object");
      for (const auto& [key, value] : entry.items()) {
        check(value.is_string(), where, ": __metadata__ ", printable(key), " is not text");
        file.metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    file.tensors_.push_back(read_entry(where, name, entry, bytes + 8 + header_size, data_size));
  }
  std::stable_sort(file.tensors_.begin(), file.tensors_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.data, a.bytes) < std::pair(b.data, b.bytes);
  });
  for (size_t i = 0; i < file.tensors_.size(); ++i) {
    const auto& t = file.tensors_[i];
    if (i > 0)
      check(file.tensors_[i - 1].data + file.tensors_[i - 1].bytes <= t.data, where, ": tensors ",
            printable(file.tensors_[i - 1].name), " and ", printable(t.name), " overlap");
  }
  file.make_index();
  return file;
}

SafetensorsFile SafetensorsFile::of(const fs::path& path, std::shared_ptr<const void> memory,
                                    std::vector<StoredTensor> tensors, std::map<std::string, std::string> metadata) {
  SafetensorsFile file;
  file.path_ = path;
  file.mapping_ = std::move(memory);
  file.tensors_ = std::move(tensors);
  file.metadata_ = std::move(metadata);
  file.make_index();
  return file;
}

SafetensorsFile SafetensorsFile::joined(const fs::path& path, std::vector<SafetensorsFile> files) {
  SafetensorsFile all;
  all.path_ = path;
  for (const auto& file : files) {
    all.tensors_.insert(all.tensors_.end(), file.tensors_.begin(), file.tensors_.end());
    all.metadata_.insert(file.metadata_.begin(), file.metadata_.end());
  }
  all.joined_ = std::make_shared<const std::vector<SafetensorsFile>>(std::move(files));
  all.mapping_ = all.joined_;
  all.make_index();
  return all;
}

void SafetensorsFile::make_index() {
  for (size_t i = 0; i < tensors_.size(); ++i)
    check(index_.emplace(tensors_[i].name, i).second, path_.string(), ": tensor ", printable(tensors_[i].name),
          " is there twice");
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void SafetensorsFile::release_pages(const std::byte* data, size_t bytes) const {
  if (joined_)
    for (const auto& file : *joined_) file.release_pages(data, bytes);
  const auto first = reinterpret_cast<uintptr_t>(mapping_.get());
  const auto begin = reinterpret_cast<uintptr_t>(data), end = begin + bytes;
  if (begin < first || end > first + size_) return;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t from = (begin + page - 1) / page * page, to = end / page * page;
  if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

void write_safetensors(const fs::path& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  auto& members = header.get_ref<Json::object_t&>();
  uint64_t offset = 0;
  for (const auto& t : tensors) {
    // Appended without the look for an equal key, which would be quadratic in the tensors.
    members.emplace_back(
        t.name, Json{{"dtype", dtype_name(t.dtype)}, {"shape", t.shape}, {"data_offsets", {offset, offset + t.bytes}}});
    offset += t.bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  write_file(path, [&](std::ostream& out) {
    const uint64_t size = text.size();
    out.write(reinterpret_cast<const char*>(&size), 8);
    out << text;
    for (const auto& t : tensors)
      out.write(reinterpret_cast<const char*>(t.data), static_cast<std::streamsize>(t.bytes));
  });
}

}  // namespace fourm
