#include "fourm/generate/sample_list.h"

#include <algorithm>
#include <map>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/rng.h"
#include "fourm/core/sha256.h"
#include "fourm/core/strings.h"
#include "fourm/data/prompt_list.h"
#include "fourm/generate/input_value.h"
#include "fourm/generate/keep_region.h"
#include "fourm/io/image_file.h"
#include "fourm/text/unicode.h"

namespace fourm {
namespace {

// A value a sample, and the names of the samples.
struct List {
  std::vector<std::string> names, values;
};

// Of files of one name the first of JSON, text and tokens, as `fourm generate` writes texts.
std::vector<fs::path> one_of_each_text(std::vector<fs::path> files) {
  const auto order = [](const fs::path& file) {
    const std::string extension = lower_extension(file);
    return extension == ".json" ? 0 : extension == ".txt" ? 1 : 2;
  };
  std::map<fs::path, fs::path> chosen;
  for (const auto& file : files) {
    const auto [place, is_new] = chosen.try_emplace(fs::path(file).replace_extension(), file);
    if (!is_new && order(file) < order(place->second)) place->second = file;
  }
  std::erase_if(files, [&](const fs::path& file) { return chosen.at(fs::path(file).replace_extension()) != file; });
  return files;
}

List list_folder(const fs::path& folder, const std::vector<std::string>& extensions, const Modality& modality) {
  List list;
  std::vector<fs::path> files = list_files_below(folder, extensions);
  if (modality.kind == ModalityKind::kSequence) files = one_of_each_text(std::move(files));
  for (const auto& file : files) {
    list.names.push_back(file.lexically_relative(folder).replace_extension().string());
    list.values.push_back(file.string());
  }
  check(!list.names.empty(), folder.string(), ": holds no file for '", modality.name, "' (", join(extensions, ", "),
        ")");
  std::map<std::string, std::string> seen;
  for (size_t i = 0; i < list.names.size(); ++i) {
    const auto [other, is_new] = seen.try_emplace(list.names[i], list.values[i]);
    check(is_new, other->second, " and ", list.values[i], " are of the same name; keep one of them");
  }
  return list;
}

List list_lines(const fs::path& file) {
  const std::vector<std::string> lines = read_prompts(file);
  List list;
  const size_t digits = std::max<size_t>(4, std::to_string(lines.size()).size());
  for (const auto& line : lines) {
    const std::string number = std::to_string(list.names.size());
    list.names.push_back(std::string(digits - number.size(), '0') + number);
    list.values.push_back(concat("text:", line));
  }
  return list;
}

// The samples of an input that has a value for each.
struct NamedList {
  const std::string& value;
  const std::vector<std::string>& names;
};

// The first name that only one of two lists has.
std::string difference(const NamedList& a, const NamedList& b) {
  for (const auto& name : a.names)
    if (!contains(b.names, name)) return concat(b.value, " has no ", printable(name));
  for (const auto& name : b.names)
    if (!contains(a.names, name)) return concat(a.value, " has no ", printable(name));
  return "they are in another order";
}

void note_of_lines(const fs::path& file, const std::string& modality) {
  const std::string text = trim(read_file(file));
  const auto breaks = std::count(text.begin(), text.end(), '\n');
  if (breaks > 0)
    note(file.string(), ": has ", breaks + 1, " lines and is read as one text; ", modality, "=@", file.string(),
         " reads one text a line");
}

// Empty where the bytes cannot be read.
template <class Read>
std::string digest_of(const Read& read) {
  try {
    return sha256_hex(read());
  } catch (const Error&) {
    return "";
  }
}

// Nothing for an input that is the same for all samples.
std::optional<List> list_of(const Pipeline& pipeline, const Input& input) {
  const std::string modality = pipeline.input_name(input.modality);
  std::error_code ignored;
  const bool marked = input.value.starts_with('@');
  const fs::path path = marked ? input.value.substr(1) : input.value;
  if (fs::is_directory(path, ignored))
    return list_folder(path, pipeline.input_extensions(modality), pipeline.modality(modality));
  const bool is_text = pipeline.modality(modality).kind == ModalityKind::kSequence;
  if (!is_text || !fs::is_regular_file(path, ignored)) return {};
  const std::string extension = lower_extension(path);
  if (!marked) {
    if (extension == ".txt") note_of_lines(path, input.modality);
    return {};
  }
  if (extension == ".tsv") return list_lines(path);
  if (extension == ".json" || extension == ".npy") return {};
  check(extension != ".csv", path.string(), ": lists are .tsv files with a header, or text files with a prompt a line");
  const std::string bytes = read_file(path);
  check(to_valid_utf8(bytes) == bytes && bytes.find('\0') == std::string::npos, path.string(), ": is no text in UTF-8");
  if (trim(bytes).find('\n') == std::string::npos) return {};
  return list_lines(path);
}

}  // namespace

SampleList SampleList::of_inputs(const Pipeline& pipeline, const std::vector<Input>& inputs) {
  SampleList samples;
  const Input* first = nullptr;  // the one whose samples name all
  for (const Input& input : inputs) {
    samples.columns_.push_back({input, {}});
    auto list = list_of(pipeline, input);
    if (!list) continue;
    if (!first) {
      first = &input;
      samples.names_ = list->names;
    }
    check(list->names == samples.names_, first->value, " and ", input.value,
          " do not hold the same samples: ", difference({first->value, samples.names_}, {input.value, list->names}),
          "; make their names (or numbers of lines) equal");
    samples.columns_.back().values = std::move(list->values);
  }
  samples.single_ = !first;
  if (samples.single_) samples.names_ = {""};
  return samples;
}

SampleList SampleList::of_data(const Pipeline& pipeline, const std::string& data,
                               const std::vector<std::string>& modalities, const std::vector<Input>& constant) {
  SampleList samples;
  samples.source_ = Source::open(data);
  for (const auto& name : modalities) {
    const std::string input = pipeline.input_name(name);
    const std::string short_name = name_without_size(name), base = base_name(name);
    std::string folder;
    for (const auto& candidate : {name, input, short_name, base})
      if (folder.empty() && samples.source_->has(candidate)) folder = candidate;
    check(!folder.empty(), data, ": holds no ", printable(name), did_you_mean(name, samples.source_->modalities()),
          "; it holds ", join(samples.source_->modalities(), ", "));
    samples.folders_.emplace_back(folder, input);
  }
  std::stable_partition(samples.folders_.begin(), samples.folders_.end(),
                        [&](const auto& entry) {  // boxes need the size of the image
                          return pipeline.modality(entry.second).kind != ModalityKind::kSequence;
                        });
  for (int64_t i = 0; i < samples.source_->size(); ++i) samples.names_.push_back(samples.source_->name(i));
  for (const Input& input : constant) {
    check(!list_of(pipeline, input), input.value,
          ": --in has a value for all samples beside a data set, not a folder or list");
    samples.columns_.push_back({input, {}});
  }
  return samples;
}

SampleList SampleList::of_variants(std::vector<std::string> names, const std::vector<std::vector<Input>>& inputs,
                                   std::vector<std::string> description) {
  check(!names.empty() && names.size() == inputs.size(), "[SampleList::of_variants] a name for each list of inputs");
  SampleList samples;
  samples.names_ = std::move(names);
  samples.same_draws_ = true;
  samples.made_from_ = std::move(description);
  for (const Input& input : inputs[0]) samples.columns_.push_back({input, {}});
  for (const auto& variant : inputs) {
    check(variant.size() == inputs[0].size(), "[SampleList::of_variants] variants have the same inputs");
    for (size_t i = 0; i < variant.size(); ++i) samples.columns_[i].values.push_back(variant[i].value);
  }
  return samples;
}

SampleList SampleList::of_record(const GenerationRecord& record) {
  SampleList samples;
  samples.names_ = {""};
  samples.single_ = true;
  samples.record_ = record;
  for (const Json& item : record.inputs) {
    const auto name = json_get<std::string>(item, "modality", "the record");
    const bool has_file = item.contains("file");
    samples.columns_.push_back(
        {{.modality = name,
          .value = has_file ? concat("@", json_get<std::string>(item, "file", "the record")) : "",
          .keep = has_file ? item.value("keep", "") : ""},
         {}});
  }
  return samples;
}

uint64_t SampleList::key(int64_t sample, int64_t variation) const {
  if (record_) return record_->key;
  const auto number = static_cast<uint64_t>(variation);
  return single_ || same_draws_ ? number : mix(hash_text(name(sample)) + number);
}

std::vector<Input> SampleList::inputs(int64_t sample) const {
  std::vector<Input> inputs;
  for (const auto& [folder, modality] : folders_)
    inputs.push_back({.modality = modality,
                      .value = concat("@", source_->has(sample, folder) ? source_->origin(sample, folder)
                                                                        : source_->expected(sample, folder))});
  for (const Column& column : columns_) {
    inputs.push_back(column.input);
    if (!column.values.empty()) inputs.back().value = column.values[static_cast<size_t>(sample)];
  }
  return inputs;
}

void SampleList::check_shared(const Pipeline& pipeline, const DepthUnits& units) const {
  std::vector<std::string> given;
  for (const auto& [folder, modality] : folders_) {
    check(!contains(given, modality), "modality '", modality, "' is given twice; name it once");
    given.push_back(modality);
  }
  for (const Column& column : columns_) {
    const std::string modality = pipeline.input_name(column.input.modality);
    check(!contains(given, modality), "modality '", modality, "' is given twice; give each a weight, as in '", modality,
          "[weight=2]=...'");
    if (!column.input.weight) given.push_back(modality);
    if (!column.input.keep.empty()) KeepRegion::parse(column.input.keep);
    const bool is_shared = column.values.empty() && pipeline.modality(modality).kind != ModalityKind::kSequence;
    Canvas canvas;
    if (is_shared) pipeline.add_input(canvas, column.input, units);
  }
}

std::vector<SampleList::Content> SampleList::contents(const Pipeline& pipeline, int64_t sample,
                                                      const DepthUnits& units) const {
  std::vector<Content> contents;
  const auto add = [&](const std::string& what, const auto& read) { contents.push_back({what, digest_of(read)}); };
  // The unit of a depth map is part of it.
  const auto unit = [&](const std::string& modality, const fs::path& file) {
    const bool is_depth = pipeline.has_tokenizer(modality) && pipeline.input_config(modality).kind == "depth";
    const auto metres = is_depth ? units.of(file) : std::nullopt;
    return metres ? concat("unit ", *metres) : std::string();
  };
  for (const auto& entry : folders_) {
    const std::string &folder = entry.first, &modality = entry.second;
    const bool is_there = source_->has(sample, folder);
    add(is_there ? source_->origin(sample, folder) : source_->expected(sample, folder), [&] {
      check(is_there, folder, ": the sample has no such file");
      return source_->read(sample, folder) + unit(modality, source_->file(sample, folder));
    });
  }
  for (size_t c = 0; c < columns_.size(); ++c) {
    const Column& column = columns_[c];
    const std::string modality = pipeline.input_name(column.input.modality), what = concat("'", modality, "'");
    const std::string value = column.values.empty() ? column.input.value : column.values[static_cast<size_t>(sample)];
    if (record_)  // which has the digests of its files
      add(what, [&] { return concat(record_->key, " ", record_->inputs.at(c).dump()); });
    else if (value.starts_with("text:"))
      add(what, [&] { return value; });
    else
      add(value.substr(value.starts_with('@') ? 1 : 0), [&] {
        const fs::path file = parse_input_value(value, pipeline.input_extensions(modality)).file;
        return file.empty() ? value : read_file(file) + unit(modality, file);
      });
    if (is_image_file(column.input.keep)) add(column.input.keep, [&] { return read_file(column.input.keep); });
  }
  return contents;
}

std::vector<std::string> SampleList::description() const {
  if (!made_from_.empty()) return made_from_;
  std::vector<std::string> parts;
  for (const auto& [folder, modality] : folders_) parts.push_back(concat(modality, "=", source_->path(), ":", folder));
  for (const Column& column : columns_) parts.push_back(input_text(column.input));
  return parts;
}

Canvas SampleList::canvas(const Pipeline& pipeline, int64_t sample, const DepthUnits& units) const {
  if (record_) return record_->canvas(pipeline);
  Canvas canvas;
  for (const auto& [folder, modality] : folders_) {
    check(source_->has(sample, folder), source_->expected(sample, folder), ": the sample has no such file");
    const std::string origin = source_->origin(sample, folder);
    pipeline.add_bytes(canvas, modality, source_->read(sample, folder), source_->extension(sample, folder), origin,
                       units.of(source_->file(sample, folder)));
  }
  std::vector<Input> further = inputs(sample);
  further.erase(further.begin(), further.begin() + static_cast<std::ptrdiff_t>(folders_.size()));
  pipeline.add_inputs(canvas, further, units);
  return canvas;
}

}  // namespace fourm
