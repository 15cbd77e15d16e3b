#include "fourm/data/token_writer.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/output_file.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"
#include "fourm/text/unicode.h"

namespace fourm {

TokenWriter::TokenWriter(const Source& source, fs::path out, const TokenSetLayout& layout, Json settings)
    : source_(source), out_(std::move(out)) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < source_.size(); ++i) {
    names.push_back(source_.name(i));
    check(to_valid_utf8(names.back()) == names.back(), source_.path(), ": the name ", printable(names.back()),
          " is not valid UTF-8; rename the files of this sample");
  }
  for (const auto& [modality, row] : layout.rows) modalities_.push_back(modality);
  modalities_.insert(modalities_.end(), layout.copied.begin(), layout.copied.end());
  settings["modalities"] = modalities_;
  settings["shard_size"] = layout.shard_size;
  modalities_.emplace_back(kLastModality);

  make_folder(out_);
  const fs::path file = token_set_settings(out_);
  const bool again = fs::exists(file);
  if (again) check_settings(settings);
  shards_ = plan_shards(records(), names, layout.shard_size);
  int64_t changed = 0;
  for (int64_t shard = 0; shard < shards(); ++shard) {
    if (!is_complete(shard)) continue;
    const ShardRecord record = ShardRecord::read(records(), shard);
    const bool same_samples = agrees(record, shard),
               same_files = !same_samples || record.versions == 0 || record.versions == versions_of(shard);
    if (same_samples && same_files) continue;
    fs::remove(path(kLastModality, shard));
    changed += !same_files;
  }
  if (changed > 0)
    note(out_.string(), ": files of ", source_.path(), " have changed, by size or time; ",
         counted(changed, "shard is", "shards are"), " made again");
  settings["samples"] = source_.size();
  settings["shards"] = shards_.size();
  if (!again) {
    std::string table = "modalities:\n";
    for (const auto& [modality, row] : layout.rows) table += row;
    write_file(out_ / "modalities.yaml", table);
    if (layout.texts_of_crops) write_file(out_ / "dataset.yaml", "texts: crops\n");
  }
  if (!again || read_json(file) != settings) write_json(file, settings);
}

// Another run in the folder must have the same settings, but for the list of samples.
void TokenWriter::check_settings(const Json& settings) const {
  const fs::path file = token_set_settings(out_);
  Json before = read_json(file);
  check(before.is_object(), file.string(), ": should be an object");
  check(!before.contains("names"), file.string(),
        ": the shards there were made by an earlier version and do not say which samples they hold; remove the "
        "folder or choose another one");
  before.erase("samples");
  before.erase("shards");
  for (const Json& either : {settings, before})
    for (const auto& item : either.items())
      check(settings.contains(item.key()) && before.contains(item.key()) && settings[item.key()] == before[item.key()],
            file.string(), ": the shards there were made with another '", item.key(),
            "'; remove the folder or choose another one");
}

// A hash of which files the samples of a shard have.
uint64_t TokenWriter::files_of(int64_t shard) const {
  std::string files;
  for (const int64_t i : shards_[shard])
    for (const auto& modality : source_.modalities())
      if (source_.has(i, modality)) files += source_.name(i) + "\n" + modality + "\n";
  return hash_text(files);
}

// A hash of sizes and times of the files of a shard's samples, never 0.
uint64_t TokenWriter::versions_of(int64_t shard) const {
  std::string versions;
  for (const int64_t i : shards_[shard])
    for (const auto& modality : source_.modalities())
      if (source_.has(i, modality)) versions += source_.version(i, modality) + "\n";
  return std::max<uint64_t>(hash_text(versions), 1);
}

bool TokenWriter::agrees(const ShardRecord& record, int64_t shard) const {
  const auto& planned = shards_[shard];
  return std::equal(planned.begin(), planned.end(), record.samples.begin(), record.samples.end(),
                    [&](int64_t i, const std::string& name) { return source_.name(i) == name; }) &&
         record.files == files_of(shard);
}

bool TokenWriter::is_complete(int64_t shard) const {
  return fs::exists(path(kLastModality, shard)) && ShardRecord::exists(records(), shard);
}

TokenWriter::Shard TokenWriter::begin(int64_t shard) const {
  const auto is_own = [&](const std::string& name) { return name == shard_name(shard); };
  for (const auto& folder : fs::directory_iterator(out_))
    if (folder.is_directory()) remove_temporary_files(folder.path(), is_own);
  fs::remove(path(kLastModality, shard));
  return {*this, shard};
}

TokenWriter::Shard::Shard(const TokenWriter& writer, int64_t number)
    : writer_(writer), number_(number), versions_(writer.versions_of(number)) {
  for (const auto& modality : writer_.modalities_) files_.try_emplace(modality, writer_.path(modality, number_));
}

void TokenWriter::Shard::add(const std::string& modality, const std::string& file, std::string_view bytes) {
  files_.at(modality).add(file, bytes);
}

void TokenWriter::Shard::commit(const std::map<std::string, std::string>& broken) {
  ShardRecord record;
  for (const int64_t i : writer_.shards_[number_]) record.samples.push_back(writer_.source_.name(i));
  record.files = writer_.files_of(number_);
  record.versions = versions_;
  record.broken = broken;
  for (auto& [modality, file] : files_)
    if (modality != kLastModality) file.commit();
  record.write(writer_.records(), number_);
  files_.at(kLastModality).commit();
}

}  // namespace fourm
