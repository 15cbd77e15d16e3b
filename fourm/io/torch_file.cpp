#include "fourm/io/torch_file.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <optional>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/io/pickle.h"
#include "fourm/io/zip.h"

namespace fourm {
namespace {

constexpr std::string_view kZipStart = "PK\x03\x04";
constexpr size_t kPrefix = 4;
constexpr int kMaxDepth = 8;           // of lists in arguments
constexpr size_t kMaxSetting = 10000;  // characters: no setting is longer

std::string first_bytes(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return "";  // a pipe would wait for its writer
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kPrefix, '\0');
  file.read(bytes.data(), kPrefix);
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

std::optional<DType> storage_type(const std::string& storage) {
  static const std::map<std::string, DType> types{
      {"torch.DoubleStorage", DType::kF64},    {"torch.FloatStorage", DType::kF32}, {"torch.HalfStorage", DType::kF16},
      {"torch.BFloat16Storage", DType::kBF16}, {"torch.LongStorage", DType::kI64},  {"torch.IntStorage", DType::kI32},
      {"torch.ShortStorage", DType::kI16},     {"torch.CharStorage", DType::kI8},   {"torch.ByteStorage", DType::kU8},
      {"torch.BoolStorage", DType::kBool}};
  const auto found = types.find(storage);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

// The object that describes a tensor: torch wraps it once more for parameters.
const PickleValue* tensor_object(const PickleValue* value) {
  for (int i = 0; i < 2 && value->is(PickleValue::kObject); ++i) {
    if (value->text.starts_with("torch._utils._rebuild_tensor")) return value;
    if (!value->text.starts_with("torch._utils._rebuild_parameter") || value->items.empty()) return nullptr;
    value = value->items[0];
  }
  return nullptr;
}

// Appends it as Python prints it; false for values that are no settings.
bool add_setting(const PickleValue& value, std::string& text, int depth = 0) {
  switch (value.kind) {
    case PickleValue::kNone: text += "None"; break;
    case PickleValue::kBool: text += value.integer ? "True" : "False"; break;
    case PickleValue::kInt: text += std::to_string(value.integer); break;
    case PickleValue::kFloat: {
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.17g", value.real);
      text += digits;
      break;
    }
    case PickleValue::kText: text += depth > 0 ? "'" + value.text + "'" : value.text; break;
    case PickleValue::kList:
    case PickleValue::kTuple:
      if (depth == kMaxDepth) return false;
      text += '[';
      for (const auto* item : value.items) {
        if (text.back() != '[') text += ", ";
        if (!add_setting(*item, text, depth + 1)) return false;
      }
      text += ']';
      break;
    default: return false;
  }
  return text.size() <= kMaxSetting;  // lists may hold one list many times
}

class TorchReader {
 public:
  explicit TorchReader(const fs::path& path) : path_(path), where_(path.string()), zip_(ZipArchive::open(path)) {
    const ZipArchive::Entry* pickle = nullptr;
    for (const auto& entry : zip_.entries())
      if (entry.name.ends_with("/data.pkl")) pickle = &entry;
    check(pickle, where_, ": is a zip archive, but not one of PyTorch (it holds no data.pkl)");
    prefix_ = pickle->name.substr(0, pickle->name.size() - std::strlen("data.pkl"));
    const auto* order = zip_.find(prefix_ + "byteorder");
    check(!order || zip_.bytes(*order) == "little", where_, ": was written by a big-endian machine");
    pickle_ = Pickle::parse(zip_.bytes(*pickle), where_);
  }

  SafetensorsFile read() {
    const PickleValue& root = pickle_.root();
    check(root.is(PickleValue::kDict), where_, ": holds no dict of tensors; save model.state_dict()");
    const PickleValue* weights = &root;
    for (const char* key : {"model", "state_dict", "module"})
      if (const auto* inner = root.find(key); inner && inner->is(PickleValue::kDict)) {
        weights = inner;
        break;
      }
    std::vector<StoredTensor> tensors;
    for (const auto& [name, value] : weights->entries)
      if (const auto* object = tensor_object(value)) {
        check(name->is(PickleValue::kText), where_, ": a tensor has a name that is no text");
        tensors.push_back(tensor(name->text, *object));
      }
    check(!tensors.empty(), where_, ": holds no tensors, neither itself nor under 'model' or 'state_dict'");
    return SafetensorsFile::of(path_, std::move(kept_), std::move(tensors), settings(root.find("args")));
  }

 private:
  static std::map<std::string, std::string> settings(const PickleValue* args) {
    std::map<std::string, std::string> metadata;
    if (args && args->is(PickleValue::kObject) && args->state) args = args->state;  // argparse.Namespace
    if (args && args->is(PickleValue::kDict))
      for (const auto& [key, value] : args->entries)
        if (std::string text; key->is(PickleValue::kText) && add_setting(*value, text)) metadata[key->text] = text;
    return metadata;
  }

  std::vector<int64_t> integers(const PickleValue& value, const std::string& at) const {
    check(value.is(PickleValue::kTuple) && value.items.size() <= 16, at,
          ": its shape is no tuple of at most 16 numbers");
    std::vector<int64_t> numbers;
    for (const auto* item : value.items) {
      check(item->is(PickleValue::kInt) && item->integer >= 0, at, ": its shape or strides are not integers");
      numbers.push_back(item->integer);
    }
    return numbers;
  }

  // _rebuild_tensor_v2(storage, offset, shape, strides, ...), the storage being a reference
  // ('storage', type, key, device, elements).
  StoredTensor tensor(const std::string& name, const PickleValue& object) {
    const std::string at = where_ + ": tensor " + printable(name, 200);
    const auto& parts = object.items;
    check(parts.size() >= 4 && parts[0]->is(PickleValue::kPersistent) && parts[1]->is(PickleValue::kInt), at,
          ": is not described as PyTorch does (", printable(object.text, 60), ")");
    const PickleValue& storage = *parts[0]->items[0];
    check(storage.is(PickleValue::kTuple) && storage.items.size() >= 5 && storage.items[1]->is(PickleValue::kGlobal) &&
              storage.items[2]->is(PickleValue::kText),
          at, ": its storage is not described as PyTorch does");
    const auto type = storage_type(storage.items[1]->text);
    check(type.has_value(), at, ": has values of type ", printable(storage.items[1]->text, 60), ", which is not read");
    const auto* entry = zip_.find(prefix_ + "data/" + storage.items[2]->text);
    check(entry, at, ": its storage ", printable(storage.items[2]->text, 40), " is not in the file");
    const std::string_view bytes = zip_.bytes(*entry);
    const auto item = dtype_size(*type);
    const auto elements = static_cast<int64_t>(bytes.size() / item);

    StoredTensor out{name, *type, integers(*parts[2], at), nullptr, 0};
    const std::vector<int64_t> strides = integers(*parts[3], at);
    check(strides.size() == out.shape.size(), at, ": has ", out.shape.size(), " dimensions and ", strides.size(),
          " strides");
    int64_t count = 1, last = parts[1]->integer, packed = 1;
    bool contiguous = true, fits = last >= 0;
    const bool empty = std::find(out.shape.begin(), out.shape.end(), 0) != out.shape.end();
    for (size_t d = out.shape.size(); !empty && d-- > 0;) {
      int64_t reach;
      fits = fits && !__builtin_mul_overflow(count, out.shape[d], &count) &&
             !__builtin_mul_overflow(out.shape[d] - 1, strides[d], &reach) &&
             !__builtin_add_overflow(last, reach, &last);
      if (out.shape[d] != 1) contiguous = contiguous && strides[d] == packed;
      if (fits) packed = count;
    }
    if (empty) count = 0;
    check(fits && (empty || last < elements), at, ": reaches beyond its storage of ", elements,
          " numbers; is the download complete?");
    check(count <= elements, at, ": repeats numbers of its storage; save a contiguous copy");
    out.bytes = static_cast<size_t>(count) * item;
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data()) + (empty ? 0 : parts[1]->integer * item);
    out.data = contiguous || empty ? first : gathered(first, out, strides);
    return out;
  }

  // A copy in row-major order.
  const std::byte* gathered(const std::byte* first, const StoredTensor& tensor, const std::vector<int64_t>& strides) {
    const size_t item = dtype_size(tensor.dtype);
    auto& copy = kept_->copies.emplace_back(tensor.bytes);
    std::vector<int64_t> index(tensor.shape.size(), 0);
    for (size_t to = 0; to < tensor.bytes; to += item) {
      int64_t from = 0;
      for (size_t d = 0; d < index.size(); ++d) from += index[d] * strides[d];
      std::memcpy(copy.data() + to, first + from * static_cast<int64_t>(item), item);
      for (size_t d = index.size(); d-- > 0 && ++index[d] == tensor.shape[d];) index[d] = 0;
    }
    return copy.data();
  }

  struct Kept {
    std::shared_ptr<const void> mapping;
    std::deque<std::vector<std::byte>> copies;
  };

  fs::path path_;
  std::string where_, prefix_;
  ZipArchive zip_;
  Pickle pickle_;
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>(Kept{zip_.mapping(), {}});
};

}  // namespace

bool is_torch_file(const fs::path& path) {
  const std::string start = first_bytes(path);
  return start == kZipStart || (start.size() > 1 && start[0] == '\x80' && start[1] >= 1 && start[1] <= 5);
}

SafetensorsFile open_torch_file(const fs::path& path) {
  check(first_bytes(path) == kZipStart, path.string(),
        ": is a checkpoint of PyTorch before 1.6; load it with a newer PyTorch and save it again");
  return TorchReader(path).read();
}

}  // namespace fourm
