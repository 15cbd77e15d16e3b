#include "fourm/probe/probe.h"

#include <algorithm>
#include <cctype>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/generate/input_image.h"
#include "fourm/generate/result_files.h"

namespace fourm {
namespace {

constexpr size_t kNameLetters = 24;  // of a value in a file name

// The value as part of a file name.
std::string file_name(std::string value) {
  for (char& c : value)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-') c = '_';
  return value.substr(0, kNameLetters);
}

}  // namespace

Probe::Probe(const Pipeline& pipeline, std::vector<Input> inputs, std::vector<Variation> variations,
             const DepthUnits* units)
    : pipeline_(pipeline),
      units_(units ? *units : own_units_),
      inputs_(std::move(inputs)),
      variations_(std::move(variations)) {
  check(variations_.size() == 1 || variations_.size() == 2, "a probe has one or two variations, got ",
        variations_.size());
  for (const Variation& variation : variations_) {
    const std::string name = pipeline.input_name(variation.modality);
    std::vector<size_t> found;
    for (size_t i = 0; i < inputs_.size(); ++i)
      if (pipeline.input_name(inputs_[i].modality) == name) found.push_back(i);
    check(found.size() <= 1, "the variation ", printable(variation.text), ": '", name,
          "' is given several times, and it is not clear which is meant");
    check(!found.empty() || variation.kind == Variation::Kind::kValues, "the variation ", printable(variation.text),
          ": '", name, "' is not among the inputs; give it, or list whole values, as in '", name, "=VALUE|VALUE'");
    if (found.empty()) {
      found.push_back(inputs_.size());
      inputs_.push_back({.modality = name, .value = variation.values[0]});
    }
    places_.push_back(found[0]);
  }
  for (const size_t place : places_)
    editable_.try_emplace(place, EditableInput::read(pipeline, inputs_, place, units_));
  for (size_t v = 0; v < variations_.size(); ++v)  // finds what cannot be applied
    for (size_t i = 0; i < variations_[v].size(); ++i) EditableInput(editable_.at(places_[v])).apply(variations_[v], i);
}

std::vector<Input> Probe::variant(size_t column, size_t row, const fs::path& file, bool overwrite) const {
  std::map<size_t, EditableInput> changed = editable_;
  std::vector<std::pair<size_t, size_t>> changes{{0, column}};  // variation, value
  if (variations_.size() > 1) changes.emplace_back(1, row);
  std::stable_partition(changes.begin(), changes.end(), [&](const auto& change) {  // a new class is another name
    return variations_[change.first].kind != Variation::Kind::kReplace;
  });
  for (const auto& [variation, value] : changes) changed.at(places_[variation]).apply(variations_[variation], value);
  std::vector<Input> inputs = inputs_;
  for (const auto& [place, content] : changed) inputs[place] = content.input(pipeline_, file, overwrite);
  return inputs;
}

SampleList Probe::samples(const fs::path& folder, bool overwrite) const {
  std::vector<std::string> names, description;
  std::vector<std::vector<Input>> inputs;
  for (size_t row = 0; row < rows(); ++row)
    for (size_t column = 0; column < columns(); ++column) {
      std::string name = concat(column, "_", file_name(variations_[0].label(column)));
      if (variations_.size() > 1) name = concat(row, "_", file_name(variations_[1].label(row)), "_", name);
      inputs.push_back(variant(column, row, folder / "inputs" / name, overwrite));
      names.push_back(std::move(name));
    }
  for (const Input& input : inputs_) description.push_back(input_text(input));
  for (const Variation& variation : variations_) description.push_back(concat("vary ", variation.text));
  return SampleList::of_variants(std::move(names), inputs, std::move(description));
}

// The changed input of a row of the table; no cells where it is no image.
GalleryRow Probe::input_row(const std::string& modality, const SampleList& samples, size_t row) const {
  GalleryRow images{concat("input: ", modality), {}, ""};
  for (size_t column = 0; column < columns(); ++column) {
    const Canvas canvas = samples.canvas(pipeline_, static_cast<int64_t>(row * columns() + column), units_);
    const auto entry = std::find_if(canvas.entries.begin(), canvas.entries.end(),
                                    [&](const auto& e) { return e.modality == modality; });
    if (entry == canvas.entries.end()) return images;
    auto image = input_image(pipeline_, canvas, *entry);
    if (!image) return images;
    images.cells.push_back({std::move(*image), variations_[0].label(column)});
  }
  return images;
}

std::vector<GalleryRow> Probe::result_rows(const BatchReport& report, const fs::path& folder,
                                           const std::vector<std::string>& class_names, size_t row) const {
  std::vector<GalleryRow> rows;  // by target and draw
  for (size_t column = 0; column < columns(); ++column) {
    const std::string label = variations_[0].label(column);
    const Json results = report.results.at(row * columns() + column).value("results", Json::array());
    size_t at = 0;
    for (size_t draw = 0; draw < results.size(); ++draw)
      for (const auto& [modality, result] : results[draw].items()) {
        if (at == rows.size())
          rows.push_back({concat(modality, results.size() > 1 ? concat(", draw ", draw) : std::string()), {}, ""});
        GalleryRow& target = rows[at++];
        std::vector<fs::path> files;
        for (const Json& file : result["files"]) files.push_back(folder / file.get<std::string>());
        if (auto image = result_image(pipeline_, modality, files, class_names, kGalleryCell))
          target.cells.push_back({std::move(*image), label});
        if (result.contains("text"))
          target.words += concat(target.words.empty() ? "" : "\n", label, ": ", result["text"].get<std::string>());
      }
  }
  return rows;
}

Gallery Probe::figure(const SampleList& samples, const BatchReport& report, const fs::path& folder,
                      const std::vector<std::string>& class_names) const {
  Gallery gallery;
  for (const Variation& variation : variations_)
    gallery.title += concat(gallery.title.empty() ? "" : "; ", variation.text);
  for (const Input& input : inputs_)
    gallery.introduction += concat(gallery.introduction.empty() ? "" : "\n", input_text(input));
  std::vector<std::string> varied;
  for (const size_t place : places_)
    if (const std::string name = pipeline_.input_name(inputs_[place].modality); !contains(varied, name))
      varied.push_back(name);
  for (size_t row = 0; row < rows(); ++row) {
    std::vector<GalleryRow> rows;
    for (const auto& modality : varied)
      if (GalleryRow images = input_row(modality, samples, row); images.cells.size() == columns())
        rows.push_back(std::move(images));
    for (auto& results : result_rows(report, folder, class_names, row)) rows.push_back(std::move(results));
    for (auto& cells : rows) {
      if (variations_.size() > 1) cells.title = concat(variations_[1].label(row), ": ", cells.title);
      gallery.rows.push_back(std::move(cells));
    }
  }
  return gallery;
}

}  // namespace fourm
