#include "fourm/io/weights.h"

#include <functional>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/sha256.h"
#include "fourm/core/strings.h"
#include "fourm/io/adapter.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/torch_file.h"

namespace fourm {
namespace {

constexpr const char* kIndexSuffix = ".index.json";

// Tensor name -> file beside the index.
std::map<std::string, std::string> weight_map(const fs::path& index) {
  const std::string where = index.string();
  const nlohmann::json json = parse_table(read_file(index), where);
  const auto map = json_get<nlohmann::json>(json, "weight_map", where);
  check(map.is_object() && !map.empty(), where, ": 'weight_map' should name a file for each tensor");
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : map.items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    check(!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos, where, ": tensor ",
          printable(tensor, 200), " lies in ", printable(file.dump(), 100),
          ", expected the name of a file beside the index");
    files[tensor] = name;
  }
  return files;
}

SafetensorsFile open_file(const fs::path& path) {
  return is_torch_file(path) ? open_torch_file(path) : SafetensorsFile::open(path);
}

// The index of a folder whose weights are sharded; empty when they are not.
fs::path index_of(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return {};
  for (const char* name : {"model.safetensors", "pytorch_model.bin"}) {
    if (fs::exists(path / name, ignored)) return {};
    if (const fs::path index = path / concat(name, kIndexSuffix); fs::exists(index, ignored)) return index;
  }
  return {};
}

}  // namespace

std::vector<fs::path> weight_files(const fs::path& path) {
  if (is_adapter(path)) return {path / "adapter.safetensors"};
  if (const fs::path index = index_of(path); !index.empty()) {
    std::set<fs::path> files;
    for (const auto& item : weight_map(index)) files.insert(path / item.second);
    return {files.begin(), files.end()};
  }
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return {path};
  const fs::path plain = path / "model.safetensors", pickled = path / "pytorch_model.bin";
  return {!fs::exists(plain, ignored) && fs::exists(pickled, ignored) ? pickled : plain};
}

bool is_weight_file(const fs::path& path) {
  return contains({".safetensors", ".pth", ".pt", ".bin", ".ckpt"}, lower_extension(path));
}

bool has_weights(const fs::path& folder) {
  std::error_code ignored;
  return !index_of(folder).empty() || fs::exists(weight_files(folder).front(), ignored);
}

namespace {

// The digest of what `sample` takes of the bytes of each file.
std::string digest_of(const fs::path& path, const std::function<std::string(std::string_view)>& sample) {
  std::vector<fs::path> files = weight_files(path);
  std::error_code ignored;
  for (const char* config : {"config.json", "adapter.json"})
    if (fs::exists(path / config, ignored)) files.push_back(path / config);
  std::string digests;
  for (const auto& file : files) {
    const MappedFile mapped = map_file(file);
    digests += sample({static_cast<const char*>(mapped.data.get()), mapped.size});
  }
  if (is_adapter(path)) digests += digest_of(model_folder(read_adapter_info(path).base), sample);
  return sha256_hex(digests);
}

}  // namespace

std::string weights_digest(const fs::path& path) {
  return digest_of(path, [](std::string_view bytes) { return sha256_hex(bytes); });
}

std::string weights_fingerprint(const fs::path& path) {
  constexpr size_t kSamples = 64, kSample = 4096;
  return digest_of(path, [](std::string_view bytes) {
    if (bytes.size() <= kSamples * kSample) return sha256_hex(bytes);
    std::string samples = std::to_string(bytes.size());
    for (size_t i = 0; i < kSamples; ++i)
      samples += bytes.substr((bytes.size() - kSample) / (kSamples - 1) * i, kSample);
    return sha256_hex(samples);
  });
}

SafetensorsFile open_weights(const fs::path& path) {
  if (is_adapter(path)) return open_adapter(path);
  const fs::path index = index_of(path);
  if (index.empty()) return open_file(weight_files(path).front());
  std::vector<SafetensorsFile> shards;
  for (const auto& file : weight_files(path)) {
    std::error_code ignored;
    check(fs::exists(file, ignored), file.string(), ": is missing, but ", index.filename().string(),
          " names it; is the download complete?");
    shards.push_back(open_file(file));
  }
  SafetensorsFile all = SafetensorsFile::joined(index, std::move(shards));
  for (const auto& [tensor, file] : weight_map(index))
    check(all.find(tensor), index.string(), ": tensor ", printable(tensor, 200), " is not in ", file,
          "; is the download complete?");
  return all;
}

}  // namespace fourm
