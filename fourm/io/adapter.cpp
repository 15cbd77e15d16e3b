#include "fourm/io/adapter.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"

namespace fourm {

const char* const kLoraDown = ".lora_down.weight";
const char* const kLoraUp = ".lora_up.weight";

namespace {

constexpr const char* kInfo = "adapter.json";

float from_half(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const double sign = (bits & 0x8000) ? -1 : 1;
  if (exponent == 31) return static_cast<float>(fraction ? NAN : sign * INFINITY);
  return static_cast<float>(sign *
                            (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25)));
}

// The numbers of a stored matrix.
std::vector<float> numbers(const StoredTensor& t, const std::string& file) {
  check(t.shape.size() == 2, file, ": tensor ", t.name, " is no matrix");
  std::vector<float> values(static_cast<size_t>(t.shape[0] * t.shape[1]));
  const auto read = [&]<class Stored>(Stored, const auto& convert) {
    for (size_t i = 0; i < values.size(); ++i) {
      Stored stored;
      std::memcpy(&stored, t.data + i * sizeof(Stored), sizeof(Stored));
      values[i] = convert(stored);
    }
  };
  switch (t.dtype) {
    case DType::kF32: std::memcpy(values.data(), t.data, t.bytes); break;
    case DType::kF64: read(double(), [](double x) { return static_cast<float>(x); }); break;
    case DType::kF16: read(uint16_t(), from_half); break;
    case DType::kBF16: read(uint16_t(), [](uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }); break;
    default: fail(file, ": tensor ", t.name, " has the type ", dtype_name(t.dtype), ", expected floating point");
  }
  return values;
}

// What the tensors of a merged file point to.
struct Memory {
  SafetensorsFile base, adapter;
  std::vector<std::vector<float>> changed;
};

// weight + scale * up * down.
std::vector<float> changed(const StoredTensor& weight, const StoredTensor& down, const StoredTensor& up, double scale,
                           const Memory& memory) {
  const std::string file = memory.adapter.path().string();
  const std::vector<float> a = numbers(down, file), b = numbers(up, file);
  std::vector<float> w = numbers(weight, memory.base.path().string());
  const int64_t rank = down.shape[0], out = weight.shape[0], in = weight.shape[1];
  check(up.shape[1] == rank && up.shape[0] == out && down.shape[1] == in, file, ": ", up.name, " x ", down.name,
        " is [", up.shape[0], ", ", down.shape[1], "] of rank ", up.shape[1], " and ", rank, ", but ", weight.name,
        " of ", memory.base.path().string(), " is [", out, ", ", in, "]; it belongs to another model");
  parallel_for(out, [&](int64_t row) {
    for (int64_t column = 0; column < in; ++column) {
      double sum = 0;
      for (int64_t k = 0; k < rank; ++k) sum += double{b[row * rank + k]} * double{a[k * in + column]};
      w[row * in + column] = static_cast<float>(double{w[row * in + column]} + scale * sum);
    }
  });
  return w;
}

}  // namespace

bool is_adapter(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / kInfo, ignored);
}

AdapterInfo read_adapter_info(const fs::path& folder) {
  const std::string file = (folder / kInfo).string();
  const Json json = read_json(folder / kInfo);
  AdapterInfo info{json_get<std::string>(json, "base", file), json_get<int64_t>(json, "rank", file),
                   json_get<double>(json, "alpha", file)};
  check(info.rank > 0 && std::isfinite(info.alpha), file, ": rank is ", info.rank, " and alpha ", info.alpha,
        ", expected a rank of at least 1 and a finite alpha");
  if (info.base.is_relative()) info.base = folder / info.base;
  return info;
}

void write_adapter_info(const fs::path& folder, const AdapterInfo& info) {
  write_json(folder / kInfo, Json{{"base", info.base.string()}, {"rank", info.rank}, {"alpha", info.alpha}});
}

SafetensorsFile open_adapter(const fs::path& folder) {
  const AdapterInfo info = read_adapter_info(folder);
  const std::string file = (folder / kInfo).string();
  std::error_code ignored;
  check(fs::exists(info.base, ignored), file, ": its base model ", info.base.string(),
        " is not there; give its path as 'base' in this file");
  const fs::path base = model_folder(info.base);
  check(!is_adapter(base), file, ": its base model ", base.string(), " is an adapter itself; merge that first");
  auto memory =
      std::make_shared<Memory>(Memory{open_weights(base), SafetensorsFile::open(folder / "adapter.safetensors"), {}});
  const double scale = info.alpha / static_cast<double>(info.rank);
  std::vector<StoredTensor> tensors;
  std::set<std::string> done;
  for (const StoredTensor& t : memory->adapter.tensors()) {
    if (t.name.ends_with(kLoraUp)) continue;
    if (!t.name.ends_with(kLoraDown)) {
      tensors.push_back(t);
      done.insert(t.name);
      continue;
    }
    const std::string layer = t.name.substr(0, t.name.size() - std::strlen(kLoraDown)), name = layer + ".weight";
    const StoredTensor *weight = memory->base.find(name), *up = memory->adapter.find(layer + kLoraUp);
    check(up, memory->adapter.path().string(), ": tensor ", layer, kLoraUp, " is missing");
    check(weight, memory->base.path().string(), ": has no tensor ", name, ", which ", file, " changes");
    memory->changed.push_back(changed(*weight, t, *up, scale, *memory));
    const auto& values = memory->changed.back();
    tensors.push_back({name, DType::kF32, weight->shape, reinterpret_cast<const std::byte*>(values.data()),
                       values.size() * sizeof(float)});
    done.insert(name);
  }
  // In the changed model some names are other names of a tensor (its metadata), as tied heads are.
  for (const StoredTensor& t : memory->base.tensors())
    if (!done.contains(t.name) && !memory->adapter.metadata().contains(t.name)) tensors.push_back(t);
  auto metadata = memory->base.metadata();
  for (const auto& [key, value] : memory->adapter.metadata()) metadata[key] = value;
  return SafetensorsFile::of(folder / "adapter.safetensors", memory, std::move(tensors), std::move(metadata));
}

}  // namespace fourm
