#include "fourm/generate/contact_sheet.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "fourm/core/strings.h"
#include "fourm/data/modality_file.h"
#include "fourm/draw/box_image.h"
#include "fourm/draw/legend.h"
#include "fourm/draw/palette_image.h"
#include "fourm/draw/sam_image.h"
#include "fourm/draw/skeleton.h"
#include "fourm/io/image_resize.h"
#include "fourm/text/structured.h"

namespace fourm {
namespace {

constexpr size_t kMostCharacters = 400;  // of a text
constexpr uint8_t kGrey = 128;

// Greys out the tokens that are not known, of the square at the top of an image.
void grey_unknown(Image& image, const std::vector<bool>& known) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(known.size()))));
  if (side * side != static_cast<int64_t>(known.size())) return;
  for (int y = 0; y < std::min(image.width, image.height); ++y)
    for (int x = 0; x < image.width; ++x)
      if (!known[static_cast<size_t>(y * side / image.width * side + x * side / image.width)])
        std::fill_n(image.at(x, y), 3, kGrey);
}

class SheetMaker {
 public:
  explicit SheetMaker(const SheetSource& source)
      : source_(source), pipeline_(source.pipeline), units_(source.units ? *source.units : own_units_) {}

  Gallery operator()() {
    std::map<std::string, int64_t> places;  // of the samples, by name
    for (int64_t i = 0; i < source_.samples.size(); ++i) places[source_.samples.name(i)] = i;
    Gallery gallery;
    gallery.title = "fourm generate";
    gallery.introduction =
        concat(fs::path(source_.settings.model).filename().string(), ", seed ", source_.settings.seed);
    int64_t results = 0;
    for (const Json& sample : source_.report.results) {
      const auto name = sample.value("name", "");
      const Json variations = sample.value("results", Json::array());
      const auto rows = std::max<int64_t>(1, static_cast<int64_t>(variations.size()));
      results += rows;
      if (results - rows >= kMostSheetRows) continue;
      const GalleryRow inputs = input_row(sample, places.at(name));
      if (variations.empty()) gallery.rows.push_back({name, inputs.cells, inputs.words});
      for (size_t v = 0; v < variations.size(); ++v)
        if (static_cast<int64_t>(gallery.rows.size()) < kMostSheetRows)
          gallery.rows.push_back(row(inputs, title(name, v, variations.size()), variations[v]));
    }
    const auto shown = static_cast<int64_t>(gallery.rows.size());
    if (shown < results) gallery.closing = concat("The first ", shown, " of ", results, " results are shown.");
    return gallery;
  }

 private:
  static std::string title(const std::string& name, size_t variation, size_t variations) {
    if (variations == 1) return name;
    return concat(name, name.empty() ? "" : ", ", "variation ", variation);
  }

  static void say(GalleryRow& row, const std::string& what, const std::string& words) {
    const std::string quoted = printable(words, kMostCharacters);
    row.words += concat(row.words.empty() ? "" : "\n", what, ": ", quoted.substr(1, quoted.size() - 2));
  }

  // The short name where only one modality of the results has it.
  std::string label(const std::string& modality) const {
    std::set<std::string> same;
    for (const Plan* plan : {&source_.settings.plan, &source_.settings.super_resolution_plan})
      for (const Target& target : plan->targets)
        if (base_name(target.modality) == base_name(modality)) same.insert(target.modality);
    return same.size() > 1 ? modality : base_name(modality);
  }

  // The pipeline that generated the result.
  const Pipeline& pipeline_of(const std::string& result) const {
    const bool is_first = !source_.super_resolution || contains(pipeline_.outputs(), result);
    return is_first ? pipeline_ : *source_.super_resolution;
  }

  // The drawing of a text, of those that have one.
  std::optional<Image> text_image(const std::string& modality, const std::string& text, const Image& behind) const {
    const std::string base = base_name(modality);
    if (base == "det")
      return draw_boxes(behind, boxes_from_string(text, coordinate_bins(pipeline_.text_tokenizer())), kGalleryCell);
    if (base == "sam_instance") return draw_sam(behind, sam_from_string(text), {}, kGalleryCell);
    if (base == "human_poses") {
      const auto people = poses_from_string(text);
      return draw_poses(behind, people, std::vector<std::vector<float>>(people.size()), kGalleryCell);
    }
    if (const auto colours = palette_from_string(text); base == "color_palette" && !colours.empty())
      return draw_palette(colours);
    return std::nullopt;
  }

  // The cells and words of a sample's inputs.
  GalleryRow input_row(const Json& sample, int64_t place) const {
    GalleryRow row;
    if (sample.contains("failure") && !sample.contains("results")) {
      say(row, "left out", sample["failure"].get<std::string>());
      return row;
    }
    Canvas canvas;
    try {
      canvas = source_.samples.canvas(pipeline_, place, units_);
    } catch (const Error& error) {  // the files have changed since
      say(row, "inputs", error.what());
      return row;
    }
    const Image behind = canvas_image(pipeline_, canvas);
    for (const Canvas::Entry& entry : canvas.entries) {
      const Modality modality = pipeline_.modality(entry.modality);
      std::string name = concat("input ", label(entry.modality));
      if (entry.weight) name += concat(" x ", *entry.weight);
      if (modality.kind == ModalityKind::kPixels || pipeline_.has_tokenizer(entry.modality)) {
        const bool is_pixels = modality.kind == ModalityKind::kPixels;
        Image image = is_pixels ? resize_bilinear(patches_image(entry.data, modality), kGalleryCell, kGalleryCell)
                                : draw_map(pipeline_.input_config(entry.modality),
                                           pipeline_.decode(entry.modality, {entry.data.ids})[0], source_.class_names,
                                           kGalleryCell);
        grey_unknown(image, entry.known);
        row.cells.push_back({std::move(image), name});
      } else if (modality.kind == ModalityKind::kSequence && pipeline_.has_text_tokenizer()) {
        const std::string text = pipeline_.text(canvas, entry.name);
        if (auto image = text_image(entry.modality, text, behind))
          row.cells.push_back({std::move(*image), name});
        else
          say(row, name, text);
      } else {
        say(row, name, counted(static_cast<int64_t>(entry.known.size()), "token"));
      }
    }
    return row;
  }

  GalleryRow row(const GalleryRow& inputs, const std::string& title, const Json& results) const {
    GalleryRow row{title, inputs.cells, inputs.words};
    const Image behind = background(inputs, results);
    for (const auto& [modality, result] : results.items()) {
      try {
        add_result(row, modality, result, behind);
      } catch (const Error& error) {
        say(row, label(modality), error.what());
      }
    }
    return row;
  }

  void add_result(GalleryRow& row, const std::string& modality, const Json& result, const Image& behind) const {
    std::vector<fs::path> files;
    for (const Json& file : result["files"]) files.push_back(source_.out / file.get<std::string>());
    const bool has_image =
        std::any_of(files.begin(), files.end(), [](const auto& f) { return f.extension() == ".png"; });
    const bool is_sequence = pipeline_of(modality).modality(modality).kind == ModalityKind::kSequence;
    const bool is_small = base_name(modality) == "det" || base_name(modality) == "color_palette";
    if (result.contains("failure")) {
      say(row, label(modality), "could not be decoded");
    } else if (is_sequence && result.contains("text") && (is_small || !has_image)) {
      const auto text = result["text"].get<std::string>();
      if (auto image = text_image(modality, text, behind))
        row.cells.push_back({std::move(*image), label(modality)});
      else
        say(row, label(modality), text);
    } else if (auto image = result_image(pipeline_of(modality), modality, files, source_.class_names, kGalleryCell)) {
      row.cells.push_back({std::move(*image), label(modality)});
    } else {
      say(row, label(modality), "tokens only, there is no tokenizer");
    }
  }

  // What boxes are drawn on: an image that was given or generated, or grey.
  Image background(const GalleryRow& inputs, const Json& results) const {
    for (const GalleryCell& cell : inputs.cells)
      if (cell.label == "input rgb") return cell.image;
    for (const auto& [modality, result] : results.items())
      for (const Json& file : result["files"]) {
        const fs::path path = source_.out / file.get<std::string>();
        std::error_code ignored;
        if (base_name(modality) == "rgb" && path.extension() == ".png" && fs::exists(path, ignored))
          return read_image(path);
      }
    return Image(8, 8, 3, 96);
  }

  const SheetSource& source_;
  const Pipeline& pipeline_;
  DepthUnits own_units_;
  const DepthUnits& units_;
};

}  // namespace

Gallery contact_sheet(const SheetSource& source) { return SheetMaker(source)(); }

}  // namespace fourm
