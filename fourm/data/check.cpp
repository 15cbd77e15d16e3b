#include "fourm/data/check.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <set>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/crop.h"
#include "fourm/data/member_name.h"
#include "fourm/data/sample_image.h"
#include "fourm/data/token_set.h"
#include "fourm/data/token_shards.h"
#include "fourm/io/npz.h"
#include "fourm/modality/depth.h"
#include "fourm/modality/modality_name.h"

namespace fourm {
namespace {

// A fault of the file that is being checked.
struct Finding : Error {
  Finding(const std::string& problem, std::string what_to_do) : Error(problem), remedy(std::move(what_to_do)) {}
  std::string remedy;
};

template <class... Parts>
void expect(bool condition, const std::string& remedy, Parts&&... parts) {
  if (!condition) throw Finding(concat(std::forward<Parts>(parts)...), remedy);
}

// What one file shows that other files of its sample, or the same modality of other samples, must agree with.
struct Facts {
  int64_t width = 0, height = 0;  // of an image
  int64_t crops = 0, tokens = 0;
  std::vector<CropView> views;
  std::map<std::string, std::string> warnings;  // of reading it, by modality and topic
  std::string follows_crop;                     // the modality that training cuts with the image; empty: none
  int64_t texts_of_crops = 0;                   // of a modality that needs one for each crop
};

// What is known of the crops of a sample.
struct CheckedCrops {
  std::vector<CropView> views;                            // from crop_settings
  std::function<std::optional<CropView>()> default_view;  // without them
};

// A message about a file that was read without a name.
std::string without_name(std::string message) {
  if (message.starts_with(": ")) message.erase(0, 2);
  return message;
}

// The part of the known pixels that are unit vectors, as those of a normal map.
double unit_vectors(const Image& image, const KnownPixels& known = {}) {
  int64_t unit = 0, all = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    if (!is_known(known, i / 3)) continue;
    ++all;
    double squares = 0;
    for (int c = 0; c < 3; ++c) squares += std::pow(image.pixels[i + c] / 127.5 - 1, 2);
    unit += std::abs(std::sqrt(squares) - 1) < 0.05;
  }
  return static_cast<double>(unit) / static_cast<double>(std::max<int64_t>(all, 1));
}

template <class Image>
void size_of(const Image& image, Facts& facts) {
  facts.width = image.width;
  facts.height = image.height;
}

class FileCheck {
 public:
  FileCheck(const Source& source, const DataFacts& facts, const CheckOptions& options)
      : classes_(options.classes ? options.classes : static_cast<int64_t>(facts.classes.size())),
        text_(options.text),
        bins_(text_ ? coordinate_bins(*text_) : TextDraw().bins) {
    const ModalityTable official = ModalityTable::official();
    std::vector<Modality> read = options.modalities;
    const auto add = [&](const Modality& m) {
      const auto same = [&](const Modality& other) { return other.name == m.name; };
      if (std::none_of(read.begin(), read.end(), same)) read.push_back(m);
    };
    for (const auto& name : facts.modalities.names())
      add(facts.modalities.at(name, options.image_size, options.patch_size));
    for (const auto& name : source.modalities())
      if (official.contains(name)) {
        Modality m = official.at(name, options.image_size, options.patch_size);
        m.width = 0;  // training takes that of the data
        add(m);
      }
    for (Modality m : read) {
      try {
        m = with_width(source, m);
      } catch (const Error&) {  // a fault of the file, which is named when the file is checked
      }
      rows_[folder_of(source, m.name)].push_back(m);
    }
  }

  /// `file`: that the bytes are from, or its archive.
  Facts operator()(const std::string& modality, const fs::path& file, const std::string& extension,
                   const std::string& bytes, const CheckedCrops& sample) const {
    Facts facts;
    expect(!bytes.empty(), "restore it from its source, or remove the sample", "the file is empty");
    const auto rows = rows_.find(modality);
    const FileKind kind = file_kind(modality);
    switch (kind) {
      case FileKind::kImage:
        if (extension != "npy")
          image(bytes, facts);
        else if (rows == rows_.end())
          pixels(bytes, facts);
        break;
      case FileKind::kNormal: normal(bytes, facts); break;
      case FileKind::kDepth: size_of(decode_depth(bytes, "", units_.of(file)), facts); break;
      case FileKind::kLabels: labels(bytes, facts); break;
      case FileKind::kMap: map(bytes, facts); break;
      case FileKind::kCaption:
      case FileKind::kBoxes:
        if (rows == rows_.end() || extension != "npy") annotation(modality, extension, bytes, facts);
        break;
      case FileKind::kTokens:
        if (rows == rows_.end()) tokens(bytes, facts);
        break;
      case FileKind::kCrops:
        facts.views = decode_crop_settings(bytes, "");
        facts.crops = static_cast<int64_t>(facts.views.size());
        break;
      case FileKind::kOther:
        if (modality == kSourceInfo && extension == "json")
          parse_json(bytes, "");  // nothing is trained on it
        else if (rows == rows_.end())
          other(extension, bytes);
        break;
    }
    if (rows != rows_.end())
      for (const Modality& m : rows->second) read(m, extension, bytes, sample, facts);
    return facts;
  }

 private:
  static void image(const std::string& bytes, Facts& facts) {
    if (const auto png = png_kind(bytes))
      expect(png->bits <= 8 || png->colour != 0, "is it a depth map? put it into depth/, and the image here",
             "is a 16-bit grey map, expected a colour image");
    const Image image = decode_image(bytes, "");
    expect(image.area() < 64 || unit_vectors(image) < 0.99, "is it a normal map? put it into normal/",
           "every pixel is a unit vector, as in a normal map, expected a colour image");
    size_of(image, facts);
  }

  static void pixels(const std::string& bytes, Facts& facts) {
    const NpyArray array = decode_npy(bytes, "");
    expect(array.dtype == "u1" && array.shape.size() == 4 && array.shape[0] > 0 && array.shape[1] == array.shape[2] &&
               array.shape[3] == 3,
           "run `fourm tokenize` again for it", "has the wrong shape or dtype, expected bytes [crops, size, size, 3]");
    facts.crops = array.shape[0];
  }

  static void normal(const std::string& bytes, Facts& facts) {
    if (const auto png = png_kind(bytes))
      expect(png->colour == 2 || png->colour == 6, "save it as RGB: (n + 1) / 2 * 255",
             "has the wrong number of channels for a normal map (PNG colour type ", png->colour, "), expected RGB");
    const Image image = decode_normals(bytes, "");
    InputConfig config;
    config.kind = "normal";
    const KnownPixels known = known_pixels(config, image);
    expect(!any_known(known) || unit_vectors(image, known) > 0.5,
           "is it a photograph? normals are (n + 1) / 2 * 255 with |n| = 1",
           "most known pixels are no unit vectors, expected a normal map");
    size_of(image, facts);
  }

  void labels(const std::string& bytes, Facts& facts) const {
    const auto map = decode_labels(bytes, "");
    const int highest = *std::max_element(map.pixels.begin(), map.pixels.end(),
                                          [](uint8_t a, uint8_t b) { return (a == 255 ? 0 : a) < (b == 255 ? 0 : b); });
    expect(classes_ == 0 || highest == 255 || highest < classes_, "map it to a class of the data set, or to 255 (none)",
           "holds the label ", highest, " out of range, the classes end at ", classes_ - 1);
    size_of(map, facts);
  }

  static void map(const std::string& bytes, Facts& facts) {
    const auto png = png_kind(bytes);
    expect(png.has_value(), "save it as a PNG", "is not a PNG");
    if (png->colour == 3 || png->bits < 8) {
      size_of(decode_labels(bytes, ""), facts);
    } else {
      expect(png->colour == 0, "save it as a grey PNG", "has the wrong number of channels, expected a grey map");
      size_of(decode_png16(bytes, ""), facts);
    }
  }

  static void annotation(const std::string& modality, const std::string& extension, const std::string& bytes,
                         Facts& facts) {
    const Annotation a = decode_annotation(bytes, extension, "");
    const bool boxes = file_kind(modality) == FileKind::kBoxes;
    expect(a.boxes.has_value() == boxes, "is it in the wrong folder? texts stand in caption/, boxes in det/",
           boxes ? "holds texts, expected boxes" : "holds boxes, expected texts");
    facts.width = static_cast<int64_t>(a.width);
    facts.height = static_cast<int64_t>(a.height);
  }

  // Tokens of an unknown vocabulary.
  static void tokens(const std::string& bytes, Facts& facts) {
    const TokenArray array(bytes, "");
    for (int64_t c = 0; c < array.crops(); ++c) array.ids(c, int64_t{1} << 31);
    facts.crops = array.crops();
    facts.tokens = array.length();
  }

  // All that training can read of the file, for every crop and every caption.
  void read(const Modality& m, const std::string& extension, const std::string& bytes, const CheckedCrops& sample,
            Facts& facts) const {
    const std::vector<CropView>& views = sample.views;
    const ModalityFile file(m, bytes, extension, "");
    facts.crops = file.crops();
    if (file.follows_crop()) facts.follows_crop = m.name;
    if (file.is_text() && is_text_of_crop(m.name)) facts.texts_of_crops = file.variants();
    const std::optional<CropView> default_view =
        views.empty() && file.needs_image_size() ? sample.default_view() : std::nullopt;
    const int64_t crops = std::max<int64_t>({1, file.crops(), static_cast<int64_t>(views.size())});
    for (int64_t k = 0; k < std::max(crops, file.variants()); ++k) {
      ModalityFile::Choice choice;
      choice.crop = std::min(k, std::max<int64_t>(file.crops(), 1) - 1);
      choice.number = std::min(k, file.variants() - 1);
      choice.view = default_view;
      if (!views.empty()) choice.view = views[std::min<int64_t>(k, static_cast<int64_t>(views.size()) - 1)];
      Random random(0, {static_cast<uint64_t>(k)});
      if (m.kind != ModalityKind::kSequence || text_)
        file.data(choice, text_, bins_, random, [&](const std::string& topic, const std::string& message) {
          facts.warnings.try_emplace(m.name + " " + topic, message);
        });
      else if (file.is_text())
        file.pieces(choice, bins_, random);
    }
  }

  // JSON of other things than texts and boxes: numbers, and objects with keys of their own.
  static bool holds_data(const Json& json) {
    if (json.is_object()) return !json.contains("caption") && !json.contains("text") && !json.contains("instances");
    return json.is_number() || json.is_boolean() ||
           (json.is_array() && !json.empty() && std::all_of(json.begin(), json.end(), holds_data));
  }

  static void other(const std::string& extension, const std::string& bytes) {
    if (extension == "json") {
      const Json json = parse_json(bytes, "");
      if (!holds_data(json)) parse_annotation(json, "");
    } else if (extension == "npy") {
      decode_npy(bytes, "");
    } else if (extension == "npz") {
      decode_npz(bytes, "");
    } else if (extension == "txt") {
      decode_annotation(bytes, extension, "");
    } else {
      decode_image_rgba(bytes, "");
    }
  }

  DepthUnits units_;
  int64_t classes_;
  const WordPiece* text_;
  int64_t bins_;
  std::map<std::string, std::vector<Modality>> rows_;  // folder -> the modalities that are read from it
};

const char* usual_remedy(FileKind kind) {
  switch (kind) {
    case FileKind::kCaption: return "write a text (UTF-8), or JSON: a list of texts";
    case FileKind::kBoxes:
      return "write {\"instances\": [{\"boxes\": [xmin, ymin, xmax, ymax] in 0..1, \"class_name\", \"score\"}]}";
    case FileKind::kDepth: return "save depth as 16-bit grey PNG in millimetres, or as .npy of floats in metres";
    case FileKind::kTokens: return "was it made by another tokenizer? tokenise the sample again";
    case FileKind::kCrops: return "write integers [crops, 5]: top, left, height, width, flip";
    default: return "restore it from its source, or remove the sample";
  }
}

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
                                   "add it, or allow samples that lack modalities (missing_ok)"});
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
        for (const auto& [topic, message] : facts.warnings) warn(i, modality, topic, without_name(message), "");
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
        seen_[i][modality] =
            look(modality, source_.file(i, modality), source_.extension(i, modality), source_.read(i, modality), crops);
      } catch (const Finding& finding) {
        complain(i, modality, without_name(finding.what()), finding.remedy);
      } catch (const Error& error) {
        complain(i, modality, without_name(error.what()), usual_remedy(file_kind(modality)));
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
  std::vector<std::vector<Fault>> found_;           // by sample
  std::vector<std::map<std::string, Facts>> seen_;  // by sample and modality
  std::map<std::string, std::map<int64_t, int64_t>> lengths_;
  std::set<std::string> warned_;
};

}  // namespace

FileKind file_kind(const std::string& modality) {
  const std::string name = name_without_size(modality);
  if (name.starts_with("tok_")) return FileKind::kTokens;
  static const std::map<std::string, FileKind> kKinds{
      {"rgb", FileKind::kImage},          {"normal", FileKind::kNormal},   {"depth", FileKind::kDepth},
      {"semseg", FileKind::kLabels},      {"instance", FileKind::kMap},    {"mask", FileKind::kMap},
      {"mask_valid", FileKind::kMap},     {"caption", FileKind::kCaption}, {"det", FileKind::kBoxes},
      {"crop_settings", FileKind::kCrops}};
  const auto found = kKinds.find(name);
  return found == kKinds.end() ? FileKind::kOther : found->second;
}

CheckReport check_data(const std::string& path, const CheckOptions& options) { return DataCheck(path, options).run(); }

}  // namespace fourm
