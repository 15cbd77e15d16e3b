#include "fourm/data/token_shards.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/io/tar.h"

namespace fourm {
namespace {

fs::path record_file(const fs::path& folder, int64_t shard) {
  return folder / fs::path(shard_name(shard)).replace_extension(".json");
}

}  // namespace

void ShardRecord::write(const fs::path& folder, int64_t shard) const {
  write_json(record_file(folder, shard),
             {{"samples", samples}, {"files", files}, {"versions", versions}, {"broken", broken}});
}

ShardRecord ShardRecord::read(const fs::path& folder, int64_t shard) {
  const fs::path file = record_file(folder, shard);
  const Json json = read_json(file);
  ShardRecord record;
  record.samples = json_get<std::vector<std::string>>(json, "samples", file.string());
  record.files = json_get<uint64_t>(json, "files", file.string());
  if (json.contains("versions")) record.versions = json_get<uint64_t>(json, "versions", file.string());
  record.broken = json_get<std::map<std::string, std::string>>(json, "broken", file.string());
  return record;
}

bool ShardRecord::exists(const fs::path& folder, int64_t shard) { return fs::exists(record_file(folder, shard)); }

std::vector<std::vector<int64_t>> plan_shards(const fs::path& folder, const std::vector<std::string>& names,
                                              int64_t shard_size) {
  std::unordered_map<std::string, int64_t> position;
  for (size_t i = 0; i < names.size(); ++i) position[names[i]] = static_cast<int64_t>(i);
  int64_t count = 0;  // one more than the highest number with a record
  if (fs::is_directory(folder))
    for (const auto& file : list_files(folder, {".json"})) {
      const std::string digits = file.stem().string().substr(std::min(file.stem().string().size(), size_t{6}));
      int64_t number = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (file == record_file(folder, number)) count = std::max(count, number + 1);
    }
  std::vector<std::vector<int64_t>> shards(count);
  std::vector<bool> placed(names.size()), recorded(count);
  for (int64_t shard = 0; shard < count; ++shard) {
    recorded[shard] = ShardRecord::exists(folder, shard);
    if (!recorded[shard]) continue;
    for (const auto& name : ShardRecord::read(folder, shard).samples) {
      const auto found = position.find(name);
      if (found == position.end() || placed[found->second]) continue;
      placed[found->second] = true;
      shards[shard].push_back(found->second);
    }
  }
  size_t open = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (placed[i]) continue;
    while (open < shards.size() && (recorded[open] || static_cast<int64_t>(shards[open].size()) >= shard_size)) ++open;
    if (open == shards.size()) {
      shards.emplace_back();
      recorded.push_back(false);
    }
    shards[open].push_back(static_cast<int64_t>(i));
  }
  return shards;
}

fs::path token_set_settings(const fs::path& folder) { return folder / "made_from.json"; }

// How many shards `fourm tokenize` makes; sets of earlier versions do not say so, but have full shards.
static int64_t shards_of(const Json& made_from, const std::string& file) {
  if (made_from.contains("shards")) return json_get<int64_t>(made_from, "shards", file);
  const auto size = json_get<int64_t>(made_from, "shard_size", file);
  check(size > 0, file, ": shard_size is ", size, ", expected at least 1");
  return (json_get<int64_t>(made_from, "samples", file) + size - 1) / size;
}

void check_finished(const Source& source) {
  const fs::path settings = token_set_settings(source.path());
  if (!fs::exists(settings)) return;
  check(source.has(kLastModality) &&
            static_cast<int64_t>(list_files(fs::path(source.path()) / kLastModality, {".tar"}).size()) ==
                shards_of(read_json(settings), settings.string()),
        source.path(), ": `fourm tokenize` has not finished; run the same command again");
}

}  // namespace fourm
