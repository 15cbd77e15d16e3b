#include "fourm/train/checkpoint.h"

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>

#include "fourm/core/rng.h"

namespace fourm {
namespace {

constexpr const char* kExtension = ".safetensors";

}  // namespace

// Four independent chains of multiplications, so that memory sets the speed.
std::string checksum(const fs::path& path) {
  constexpr size_t kLanes = 4;
  constexpr uint64_t kPrime = 0x9E3779B185EBCA87;
  const MappedFile file = map_file(path);
  const auto* bytes = static_cast<const char*>(file.data.get());
  std::array<uint64_t, kLanes> sums{1, 2, 3, 4}, words{};
  for (size_t at = 0; at < file.size; at += sizeof words) {
    words = {};
    std::memcpy(words.data(), bytes + at, std::min(sizeof words, file.size - at));
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] = std::rotl((sums[lane] ^ words[lane]) * kPrime, 29);
  }
  uint64_t all = file.size;
  for (const uint64_t sum : sums) all = mix(all ^ sum);
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(all));
  return text;
}

std::string shard_name(const std::string& name, int64_t rank, int64_t ranks) {
  if (ranks == 1) return name + kExtension;
  char place[32];
  std::snprintf(place, sizeof place, "-%05lld-of-%05lld", static_cast<long long>(rank + 1),
                static_cast<long long>(ranks));
  return name + place + kExtension;
}

SafetensorsFile open_shards(const fs::path& checkpoint, const std::string& name) {
  const fs::path whole = checkpoint / (name + kExtension);
  if (fs::exists(whole)) return SafetensorsFile::open(whole);
  std::vector<SafetensorsFile> shards;
  for (const fs::path& file : list_files(checkpoint, {kExtension}))
    if (file.filename().string().starts_with(name + "-")) shards.push_back(SafetensorsFile::open(file));
  check(!shards.empty(), whole.string(), ": is missing");
  const auto ranks = static_cast<int64_t>(shards.size());
  for (int64_t rank = 0; rank < ranks; ++rank) {
    const fs::path expected = checkpoint / shard_name(name, rank, ranks);
    check(shards[rank].path() == expected, expected.string(), ": is missing");
  }
  return SafetensorsFile::joined(whole, std::move(shards));
}

void check_checkpoint(const fs::path& checkpoint) {
  const fs::path state_file = checkpoint / "state.json";
  const Json state = read_json(state_file);
  for (const char* key : {"step", "meter"})
    check(state.contains(key), state_file.string(), ": the key '", key, "' is missing");
  if (!state.contains("checksums")) {
    SafetensorsFile::open(checkpoint / "model.safetensors");
    open_shards(checkpoint, "optimizer");
    return;
  }
  const auto expected = json_get<std::map<std::string, std::string>>(state, "checksums", state_file.string());
  for (const auto& [name, sum] : expected) {
    check(!name.empty() && name.find('/') == std::string::npos, state_file.string(), ": holds no file names");
    const fs::path file = checkpoint / name;
    check(fs::exists(file), file.string(), ": is missing");
    check(checksum(file) == sum, file.string(), ": is damaged: its checksum is not that in ", state_file.string());
  }
}

}  // namespace fourm
