#include "fourm/search/feature_index.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/safetensors.h"
#include "fourm/io/weights.h"

namespace fourm {
namespace {

constexpr double kSecondsBetweenWrites = 60;

}  // namespace

Json index_identity(const PipelineFiles& files, const Pipeline& pipeline, const FeaturePredictor& predictor) {
  const fs::path tokenizer = pipeline.tokenizer_folder(predictor.modality()),
                 of_image = pipeline.tokenizer_folder(predictor.image_modality());
  return {{"model", weights_digest(model_folder(files.model))},
          {"tokenizer", tokenizer.empty() ? "" : weights_digest(tokenizer)},
          {"image_tokenizer", of_image.empty() ? "" : weights_digest(of_image)},
          {"features", predictor.modality()},
          {"precision", resolved_precision(pipeline.compute())}};
}

FeatureIndex::File FeatureIndex::state_of(const fs::path& file) const {
  return {file.lexically_relative(folder_).string(), fs::file_size(file),
          fs::last_write_time(file).time_since_epoch().count()};
}

// Whether the file begins like one, even if it is cut: 8 bytes of a length, then JSON.
static bool is_safetensors(const fs::path& file) {
  char start[9] = {};
  return std::ifstream(file, std::ios::binary).read(start, sizeof start) && start[8] == '{';
}

// Whether the file is a whole safetensors file of something else.
static bool is_foreign(const fs::path& file) {
  try {
    const SafetensorsFile stored = SafetensorsFile::open(file);
    return !stored.metadata().contains("identity") || !stored.metadata().contains("files");
  } catch (const Error&) {
    return false;
  }
}

void FeatureIndex::read(const fs::path& file, const Json& identity) {
  const SafetensorsFile stored = SafetensorsFile::open(file);
  const auto text = [&](const char* key) {
    const auto found = stored.metadata().find(key);
    check(found != stored.metadata().end(), file.string(), ": the metadata has no '", key, "'");
    return parse_json(found->second, file.string());
  };
  if (text("identity") != identity) {
    note(file.string(), ": the index is of another model, precision or features, and is rebuilt");
    return;
  }
  const Json files = text("files");
  const StoredTensor* features = stored.find("features");
  check(features && features->dtype == DType::kF32 && features->shape.size() == 2 && features->shape[1] > 0 &&
            features->shape[0] == static_cast<int64_t>(files.size()),
        file.string(), ": holds no features [", files.size(), ", D]");
  const auto width = static_cast<size_t>(features->shape[1]);
  std::vector<File> read;
  for (const Json& row : files)
    read.push_back({json_get<std::string>(row, "path", file.string()), json_get<uint64_t>(row, "size", file.string()),
                    json_get<int64_t>(row, "time", file.string())});
  files_ = std::move(read);
  for (size_t i = 0; i < files_.size(); ++i) {
    Embedding row(width);
    std::memcpy(row.data(), features->data + i * width * sizeof(float), width * sizeof(float));
    features_.push_back(std::move(row));
  }
}

void FeatureIndex::write(const fs::path& file, const Json& identity) const {
  if (files_.empty()) return;
  Json files = Json::array();
  for (const File& f : files_) files.push_back({{"path", f.path}, {"size", f.size}, {"time", f.time}});
  std::vector<float> values;
  for (const Embedding& row : features_) values.insert(values.end(), row.begin(), row.end());
  const StoredTensor tensor{"features",
                            DType::kF32,
                            {static_cast<int64_t>(features_.size()), static_cast<int64_t>(features_[0].size())},
                            reinterpret_cast<const std::byte*>(values.data()),
                            values.size() * sizeof(float)};
  write_safetensors(file, {tensor}, {{"identity", json_text(identity)}, {"files", json_text(files)}});
}

std::vector<fs::path> FeatureIndex::keep_unchanged(const std::vector<fs::path>& images, IndexReport& report) {
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < files_.size(); ++i) known.emplace(files_[i].path, i);
  report.removed = static_cast<int64_t>(files_.size());
  std::vector<File> files;
  std::vector<Embedding> features;
  std::vector<fs::path> rest;
  for (const auto& image : images) {
    const File now = state_of(image);
    const auto found = known.find(now.path);
    if (found != known.end()) --report.removed;
    if (found == known.end() || files_[found->second] != now) {
      rest.push_back(image);
      continue;
    }
    files.push_back(now);
    features.push_back(std::move(features_[found->second]));
  }
  files_ = std::move(files);
  features_ = std::move(features);
  report.kept = static_cast<int64_t>(files_.size());
  return rest;
}

// Images that cannot be read are left out.
void FeatureIndex::add(const std::vector<fs::path>& images, const FeaturePredictor& predictor, IndexReport& report) {
  std::vector<File> states;
  for (const auto& image : images) states.push_back(state_of(image));
  std::vector<std::string> faults(images.size());
  std::vector<std::optional<StoredImage>> read(images.size());
  parallel_for(static_cast<int64_t>(images.size()), [&](int64_t i) {
    const auto place = static_cast<size_t>(i);
    try {
      read[place] = read_stored_image({}, images[place]);
    } catch (const Error& error) {
      faults[place] = error.what();
    }
  });
  std::vector<StoredImage> good;
  for (size_t i = 0; i < images.size(); ++i) {
    if (!read[i]) {
      warn("left out of the index: ", faults[i]);
      ++report.failed;
      continue;
    }
    files_.push_back(states[i]);
    good.push_back(std::move(*read[i]));
  }
  report.added += static_cast<int64_t>(good.size());
  for (auto& features : predictor.predict(good)) features_.push_back(std::move(features));
}

FeatureIndex FeatureIndex::update(const FeaturePredictor& predictor, const Json& identity, const fs::path& folder,
                                  const fs::path& file, const IndexOptions& options, IndexReport* report) {
  check(options.batch > 0, "[FeatureIndex::update] the batch is at least 1");
  const std::vector<fs::path> images = list_images(folder);
  FeatureIndex index(folder);
  std::error_code ignored;
  if (fs::exists(file, ignored)) {
    check((file.extension() == ".index" || is_safetensors(file)) && !is_foreign(file), file.string(),
          ": is no index of images; give another file for the index");
    try {
      index.read(file, identity);
    } catch (const Error& error) {
      warn("the index is rebuilt, since it cannot be read: ", error.what());
      index = FeatureIndex(folder);
    }
  }
  IndexReport done;
  const std::vector<fs::path> rest = index.keep_unchanged(images, done);
  const auto count = static_cast<int64_t>(rest.size());
  Progress progress("index", count);
  const Stopwatch watch;
  double written = 0;
  for (int64_t begin = 0; begin < count && done.finished; begin += options.batch) {
    const int64_t end = std::min(count, begin + options.batch);
    index.add({rest.begin() + begin, rest.begin() + end}, predictor, done);
    progress.update(end);
    done.finished = end == count || !options.stop || !options.stop();
    if (watch.seconds() - written < kSecondsBetweenWrites) continue;
    index.write(file, identity);
    written = watch.seconds();
  }
  if (done.added > 0 || done.removed > 0) index.write(file, identity);
  if (report) *report = done;
  return index;
}

std::vector<FeatureIndex::Match> FeatureIndex::nearest(const Embedding& query, int64_t top) const {
  check(features_.empty() || features_[0].size() == query.size(), "[FeatureIndex::nearest] the query has ",
        query.size(), " numbers, the index ", features_.empty() ? 0 : features_[0].size());
  std::vector<Match> matches;
  for (size_t i = 0; i < files_.size(); ++i)
    matches.push_back({folder_ / files_[i].path, similarity(query, features_[i])});
  const auto count = std::min<size_t>(matches.size(), static_cast<size_t>(std::max<int64_t>(top, 0)));
  std::partial_sort(
      matches.begin(), matches.begin() + static_cast<std::ptrdiff_t>(count), matches.end(),
      [](const Match& a, const Match& b) { return a.score != b.score ? a.score > b.score : a.file < b.file; });
  matches.resize(count);
  return matches;
}

}  // namespace fourm
