// fourm search: the images of a folder that are nearest to any inputs.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/inputs.h"
#include "cli/outputs.h"
#include "cli/stop_signals.h"
#include "cli/text_tokenizer.h"
#include "cli/usage.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/draw/gallery.h"
#include "fourm/generate/input_image.h"
#include "fourm/generate/sample_list.h"
#include "fourm/search/feature_index.h"

namespace fourm {
namespace {

constexpr size_t kSheetColumns = 5;

struct SearchOptions {
  std::string model, tokenizers, text_tokenizer, images, features, index, sheet, depth_unit;
  std::vector<std::string> in;
  int64_t top = 5, batch = 32;
  bool json = false;
  ComputeConfig engine;
};

// FOLDER.index beside the folder.
fs::path index_file(const SearchOptions& o) {
  if (!o.index.empty()) return o.index;
  fs::path folder = fs::absolute(o.images).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();  // of "images/"
  return folder.concat(".index");
}

Gallery sheet_of(const SearchOptions& o, const Pipeline& pipeline, const Canvas& query,
                 const std::vector<FeatureIndex::Match>& matches) {
  GalleryRow asked{"query", {}, ""};
  for (const auto& entry : query.entries) {
    if (auto image = input_image(pipeline, query, entry))
      asked.cells.push_back({std::move(*image), entry.name});
    else if (pipeline.modality(entry.modality).kind == ModalityKind::kSequence)
      asked.words += concat(asked.words.empty() ? "" : "\n", entry.name, ": ", pipeline.text(query, entry.name));
  }
  Gallery gallery{"Nearest images", concat("of ", o.images, ", with the cosine of their features"), {asked}, ""};
  for (size_t i = 0; i < matches.size(); ++i) {
    if (i % kSheetColumns == 0)
      gallery.rows.push_back({concat(i + 1, " to ", std::min(matches.size(), i + kSheetColumns)), {}, ""});
    char score[16];
    std::snprintf(score, sizeof score, "%.3f", matches[i].score);
    gallery.rows.back().cells.push_back(
        {std::get<Image>(centre_square({}, read_image(matches[i].file), kGalleryCell)), score});
  }
  return gallery;
}

void print(const SearchOptions& o, const std::vector<FeatureIndex::Match>& matches) {
  Json rows = Json::array();
  for (const auto& match : matches) {
    if (o.json)
      rows.push_back({{"file", match.file.string()}, {"score", std::clamp(match.score, -1.0, 1.0)}});
    else
      std::printf("%7.4f  %s\n", match.score, match.file.c_str());
  }
  if (o.json) std::printf("%s\n", json_text(rows, 2).c_str());
}

void run(const SearchOptions& o) {
  const fs::path file = index_file(o);
  check_writable_file(file);
  if (!o.sheet.empty()) check_writable_file(o.sheet, "--sheet", ".png");
  if (!o.sheet.empty() && o.in.empty()) throw UsageError("--sheet shows the results of a query: give --in");
  const PipelineFiles files{o.model, o.tokenizers, text_tokenizer_for(o.model, o.text_tokenizer), {}};
  const Pipeline pipeline = Pipeline::open(files, o.engine);
  const FeaturePredictor predictor(pipeline, o.features);
  Canvas query;  // before the images are read, so that its faults are found first
  if (!o.in.empty()) {
    const SampleList samples = SampleList::of_inputs(pipeline, parse_inputs(o.in, pipeline));
    check(samples.is_single(), "a search has one query; give a file or a text with --in, not a folder or a list");
    query = samples.canvas(pipeline, 0, DepthUnits(o.depth_unit));
  }
  const StopSignals stop;
  IndexReport report;
  const FeatureIndex index = FeatureIndex::update(predictor, index_identity(files, pipeline, predictor), o.images, file,
                                                  {.batch = o.batch, .stop = StopSignals::requested}, &report);
  check(report.finished, "stopped; ", counted(static_cast<int64_t>(index.size()), "image"), " of ", o.images,
        " are in ", file.string(), ", and the same command resumes the run");
  note(file.string(), ": ", counted(static_cast<int64_t>(index.size()), "image"), " by ", predictor.modality(), ", ",
       report.added, " read now, ", report.removed, " removed");
  check(index.size() > 0, o.images, ": none of the images can be read");
  if (o.in.empty()) return;
  const auto matches = index.nearest(predictor.predict(std::vector<Canvas>{query})[0], o.top);
  if (!o.sheet.empty()) write_png(o.sheet, gallery_sheet(sheet_of(o, pipeline, query, matches)));
  print(o, matches);
}

}  // namespace

void add_search(CLI::App& program) {
  auto o = std::make_shared<SearchOptions>();
  auto* command = program.add_subcommand("search", "Find the images of a folder that are nearest to any inputs");
  command->add_option("--model", o->model, "model folder, folder of a finished run, or one safetensors file")
      ->transform(model_path())
      ->required();
  command->add_option("--images", o->images, "folder of images; those in folders below it, too")->required();
  command->add_option(
      "--in", o->in,
      "the query: MODALITY=FILE or MODALITY=TEXT, several of them for one query, as for generate; without "
      "it the index is made and nothing is searched");
  command->add_option("--top", o->top, "number of images that are listed")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command->add_option("--features", o->features,
                      "modality that the model predicts, by which images are compared; default: global features of "
                      "ImageBind or DINOv2, "
                      "else CLIP features");
  command->add_option("--index", o->index, "file that keeps the features of the images; default FOLDER.index");
  command->add_option("--sheet", o->sheet, "PNG file: the query and the images found");
  command->add_option("--batch", o->batch, "images that are read together")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  add_tokenizer_options(*command, o->tokenizers, o->text_tokenizer);
  add_depth_unit_option(*command, o->depth_unit);
  add_config_options(*command, o->engine, "", "Engine");
  command->add_flag("--json", o->json, "machine-readable");
  command->footer(
      "Prints the cosine and the path of each image, the nearest first.\n\n"
      "Examples:\n"
      "  fourm search --model models/rooms-ti --images photos --in caption=\"a bedroom with a red bed\"\n"
      "  fourm search --model models/rooms-ti --images photos --in rgb=room.png --top 10 --sheet found.png\n"
      "  fourm search --model models/rooms-ti --images photos --in depth=depth.png --in caption=\"an office\" --json");
  command->callback([o] { run(*o); });
}

}  // namespace fourm
