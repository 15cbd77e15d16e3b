#include "fourm/data/check.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <set>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/crop.h"
#include "fourm/data/file_check.h"
#include "fourm/data/member_name.h"
#include "fourm/data/modality_file.h"
#include "fourm/data/sample_image.h"
#include "fourm/data/token_set.h"
#include "fourm/data/token_shards.h"

namespace fourm {
namespace {

// The value that most have; of equally frequent ones the first seen.
template <class T>
T usual(const std::map<T, int64_t>& counts) {
  return std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
}

// Files that samples lack. Where the recipe is known, training reads on without them (check_recipe()).
void warn_of_missing(const Source& source, const CheckOptions& options, CheckReport& report) {
  if (options.missing_ok || options.recipe) return;
  for (int64_t i = 0; i < source.size(); ++i) {
    std::string present;
    for (const auto& modality : source.modalities())
      if (present.empty() && source.has(i, modality)) present = modality;
    for (const auto& modality : source.modalities())
      if (!source.has(i, modality))
        report.warnings.push_back({source.expected(i, modality), source.name(i),
                                   concat("is missing, while ", source.origin(i, present), " is there"),
                                   "add it, or allow samples that lack modalities (--missing-ok)"});
  }
}

// Names that training reads from folders, but that cannot be those of members of shards.
void warn_of_names(const Source& source, CheckReport& report) {
  if (source.in_archives()) return;
  for (int64_t i = 0; i < source.size(); ++i)
    if (const std::string problem = shard_key_problem(source.name(i)); !problem.empty())
      report.warnings.push_back(
          {source.path(), source.name(i), problem, "rename its files before `fourm tokenize` or `fourm data convert`"});
}

// What training does with a set that lacks modalities of the recipe (data/token_set.h, data/reader.h).
void check_recipe(const Source& source, const CheckOptions& options, CheckReport& report) {
  if (!options.recipe || source.size() == 0) return;
  const char* remedy = "add their files, or change the modalities of the recipe";
  const auto fault = [&](const std::string& problem) { report.faults.push_back({source.path(), "", problem, remedy}); };
  const auto warning = [&](const std::string& problem) {
    if (!options.missing_ok) report.warnings.push_back({source.path(), "", problem, remedy});
  };
  SetRecipe present = *options.recipe;
  std::set<std::string> lacking;
  for (auto* names : {&present.inputs, &present.targets})
    std::erase_if(*names, [&](const auto& name) {
      const bool absent = !source.has(folder_of(source, name));
      if (absent) lacking.insert(name);
      return absent;
    });
  const std::string without = join({lacking.begin(), lacking.end()}, ", "), found = join(source.modalities(), ", ");
  if (present.inputs.empty() && present.targets.empty())
    return fault(concat("has none of the modalities ", without, "; it has ", found));
  if (!lacking.empty()) warning(concat("has no ", without, " (it has ", found, "); its samples are used without"));
  try {
    if (!present.masking.mixture.empty())  // else the recipe is not whole
      masking_of_set(present, *options.table, options.image_size, options.patch_size, warning);
    for (const auto* names : {&present.inputs, &present.targets})
      for (const auto& name : *names)
        if (options.text)
          check_vocabulary(source, options.table->at(name, options.image_size, options.patch_size), *options.text);
  } catch (const Error& error) {
    return fault(error.what());
  }
  std::vector<std::string> targets;
  for (const auto& name : present.targets)
    if (can_be_target(options.table->at(name, options.image_size, options.patch_size).kind)) targets.push_back(name);
  std::vector<int64_t> left_out;
  for (int64_t i = 0; i < source.size(); ++i)
    if (std::none_of(targets.begin(), targets.end(),
                     [&](const auto& name) { return source.has(i, folder_of(source, name)); }))
      left_out.push_back(i);
  if (left_out.empty()) return;
  const auto count = static_cast<int64_t>(left_out.size());
  const std::string names = join(targets, ", ");
  if (count == source.size()) return fault(concat("none of its ", counted(count, "sample"), " has one of ", names));
  warning(concat(counted(count, "sample"), " of ", source.size(), count == 1 ? " has" : " have", " none of ", names,
                 " and ", count == 1 ? "is" : "are", " left out (", printable(source.name(left_out[0])),
                 count > 1 ? ", ...)" : ")"));
}

// Reads every file of a data set and compares those of a sample.
class DataCheck {
 public:
  DataCheck(const std::string& path, const CheckOptions& options)
      : options_(options),
        source_(Source::open(path, &report_.faults)),
        facts_(DataFacts::read(source_)),
        found_(source_.size()),
        seen_(source_.size()) {}

  CheckReport run() {
    check_set();
    read_files();
    warn_of_missing(source_, options_, report_);
    warn_of_names(source_, report_);
    for (int64_t i = 0; i < source_.size(); ++i)
      for (const auto& [modality, facts] : seen_[i])
        for (const auto& [topic, message] : facts.warnings) warn(i, modality, topic, message, "");
    compare_lengths();
    for (int64_t i = 0; i < source_.size(); ++i) compare_files(i);
    for (auto& faults : found_) std::move(faults.begin(), faults.end(), std::back_inserter(report_.faults));
    return std::move(report_);
  }

 private:
  void fault_of_set(const std::string& problem, const std::string& remedy) {
    report_.faults.push_back({source_.path(), "", problem, remedy});
  }
  void complain(int64_t i, const std::string& modality, const std::string& problem, const std::string& remedy) {
    found_[i].push_back({source_.file(i, modality), source_.member(i, modality), problem, remedy});
  }
  // One file for each topic of a modality, as in training.
  void warn(int64_t i, const std::string& modality, const std::string& topic, const std::string& problem,
            const std::string& remedy) {
    if (!warned_.insert(topic).second) return;
    report_.warnings.push_back({source_.file(i, modality), source_.member(i, modality), problem,
                                (remedy.empty() ? "" : remedy + "; ") + "other samples of this kind are not named"});
  }

  // What the set as a whole says about itself.
  void check_set() {
    try {
      check_finished(source_);
    } catch (const Error& error) {
      fault_of_set(error.what(), "run the same command again");
    }
    try {
      has_whole_image_texts(source_);
    } catch (const Error& error) {
      fault_of_set(error.what(), "correct the key");
    }
    check_recipe(source_, options_, report_);
    const int64_t n = report_.samples = source_.size();
    if (facts_.samples > 0 && n > facts_.samples)
      report_.faults.push_back({(fs::path(source_.path()) / "dataset.yaml").string(), "",
                                concat("says that there are ", counted(facts_.samples, "sample"), ", but ", n,
                                       n == 1 ? " is" : " are", " there"),
                                "remove the samples that another run left behind, or correct `count`"});
  }

  void read_files() {
    const FileCheck look(source_, facts_, options_);
    std::atomic<int64_t> done = 0, files = 0;
    Progress progress("check", source_.size());
    std::mutex mutex;
    parallel_for(
        source_.size(),
        [&](int64_t i) {
          files += read_sample(look, i);
          ++done;
          if (const std::unique_lock lock(mutex, std::try_to_lock); lock) progress.update(done);
        },
        options_.threads);
    report_.files = files;
  }

  // Returns the number of files.
  int64_t read_sample(const FileCheck& look, int64_t i) {
    CheckedCrops crops;
    crops.default_view = [&]() -> std::optional<CropView> {
      try {
        const std::optional<ImageSize> size = image_size(source_, i);
        return size ? std::optional(centre_view(size->width, size->height)) : std::nullopt;
      } catch (const Error&) {  // a fault of the image, which is named when the image is checked
        return CropView{1, 1, 0, 0, 1, 1, false};
      }
    };
    int64_t files = 0;
    const auto look_at = [&](const std::string& modality) {
      if (!source_.has(i, modality)) return;
      ++files;
      try {
        seen_[i][modality] = look(i, modality, crops);
      } catch (const FileFault& fault) {
        complain(i, modality, fault.what(), fault.remedy);
      }
    };
    look_at("crop_settings");
    if (const auto settings = seen_[i].find("crop_settings"); settings != seen_[i].end())
      crops.views = settings->second.views;
    for (const auto& modality : source_.modalities())
      if (modality != "crop_settings") look_at(modality);
    return files;
  }

  // The usual number of tokens of each modality, by which [rows, columns] of one grid differs from crops.
  void compare_lengths() {
    for (const auto& sample : seen_)
      for (const auto& [modality, facts] : sample)
        if (facts.tokens) ++lengths_[modality][facts.tokens];
    for (auto& sample : seen_)
      for (auto& [modality, facts] : sample)
        if (facts.tokens && facts.crops * facts.tokens == usual(lengths_[modality])) {
          facts.tokens *= facts.crops;
          facts.crops = 1;
        }
  }

  // What most files of a sample have, the others should have too.
  void compare_files(int64_t i) {
    std::map<int64_t, int64_t> crops;  // the crop settings count, or what most files have
    std::map<std::pair<int64_t, int64_t>, int64_t> sizes;
    for (const auto& [modality, facts] : seen_[i]) {
      if (facts.crops) crops[facts.crops] += modality == "crop_settings" ? static_cast<int64_t>(seen_[i].size()) : 1;
      if (facts.width > 0) ++sizes[{facts.width, facts.height}];
    }
    for (const auto& [modality, facts] : seen_[i]) {
      if (facts.tokens && facts.tokens != usual(lengths_[modality]))
        complain(
            i, modality,
            concat("has ", counted(facts.tokens, "token"), " a crop, other samples have ", usual(lengths_[modality])),
            "tokenise the sample again");
      if (facts.crops && facts.crops != usual(crops))
        complain(i, modality,
                 concat("has ", counted(facts.crops, "crop"), ", other files of the sample have ", usual(crops)),
                 "tokenise the sample again with one crop_settings");
      const int64_t sample_crops = crops.empty() ? 1 : usual(crops);
      if (facts.texts_of_crops > 0 && facts.texts_of_crops != sample_crops)
        warn(i, modality, modality + " crops",
             concat("holds ", counted(facts.texts_of_crops, "text"), " for ", counted(sample_crops, "crop"),
                    ", so training leaves it out"),
             "write one for each crop");
      if (!facts.follows_crop.empty() && !source_.has(i, "crop_settings") && sample_crops > 1)
        complain(i, modality, crops_unknown(facts.follows_crop, sample_crops),
                 "tokenise the data set with `fourm tokenize`");
      if (sizes.size() < 2 || facts.width == 0) continue;
      const auto [width, height] = usual(sizes);
      if (facts.width != width || facts.height != height)
        complain(
            i, modality,
            concat("is ", facts.width, "x", facts.height, ", other modalities of the sample are ", width, "x", height),
            "resize it, or restore the original of the same image");
    }
  }

  const CheckOptions& options_;
  CheckReport report_;  // before source_, which adds the faults of the layout
  const Source source_;
  const DataFacts facts_;
  std::vector<std::vector<Fault>> found_;               // by sample
  std::vector<std::map<std::string, FileFacts>> seen_;  // by sample and modality
  std::map<std::string, std::map<int64_t, int64_t>> lengths_;
  std::set<std::string> warned_;
};

}  // namespace

CheckReport check_data(const std::string& path, const CheckOptions& options) { return DataCheck(path, options).run(); }

}  // namespace fourm
