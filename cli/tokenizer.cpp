// fourm tokenizer train|encode|decode|eval|solvers
#include <cstdio>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/inputs.h"
#include "cli/outputs.h"
#include "cli/training.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/eval/solvers.h"
#include "fourm/io/image_file.h"
#include "fourm/io/npy.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/modality/input_kind.h"
#include "fourm/train/tokenizer_training.h"

namespace fourm {
namespace {

struct TokenizerOptions {
  std::string tokenizer, kind, out, depth_unit;
  std::vector<std::string> inputs;
  int64_t size = 0, limit = 0, crops = 1;
  bool keep_size = false, json = false, overwrite = false;
  DecodeOptions decoding;
  ComputeConfig engine;
  std::vector<int64_t> step_counts{4, 6, 8, 12, 25};
  int64_t reference = 50;
};

// Files as they are, folders as the files in them and in the folders below.
std::vector<fs::path> listed(const std::vector<std::string>& inputs, const std::vector<std::string>& extensions) {
  std::vector<fs::path> files;
  for (const auto& input : inputs) {
    if (!fs::is_directory(input)) {
      files.emplace_back(input);
      continue;
    }
    const auto inside = extensions.empty() ? training_images(input) : list_files_below(input, extensions);
    files.insert(files.end(), inside.begin(), inside.end());
  }
  check(!files.empty(), "no files to read in ", inputs.front());
  return files;
}

std::vector<StoredImage> load_middle_squares(const ImageTokenizer& tokenizer, const std::vector<fs::path>& files,
                                             int64_t size, const DepthUnits& units) {
  return load_squares(tokenizer.input(), files, size, 1, 0, {}, units);
}

// Errors of `body` name the file.
template <class Body>
auto naming(const fs::path& file, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    fail(file.string(), ": ", error.what());
  }
}

ImageTokenizer open(const TokenizerOptions& options) {
  if (!options.kind.empty())
    check(kind_in_name(options.kind).has_value(), "--kind ", printable(options.kind),
          ": expected rgb, grey (edges), normal, depth, semseg, mask, features or the name of a modality");
  warn_of_slow_precision("--precision", options.engine.precision, bf16_is_fast(options.engine.device));
  auto tokenizer = ImageTokenizer::open(options.tokenizer, options.engine, options.kind);
  check(options.kind.empty() || tokenizer.input().kind == kind_in_name(options.kind), options.tokenizer, ": reads '",
        tokenizer.input().kind, "', which --kind ", options.kind, " contradicts");
  return tokenizer;
}

void encode(const TokenizerOptions& options) {
  check_writable_folder(options.out);
  const ImageTokenizer tokenizer = open(options);
  const auto files = listed(options.inputs, {});
  const auto outputs = outputs_of(files, options.inputs, options.out, ".npy", options.overwrite);
  const int64_t size = options.size > 0 ? options.size : tokenizer.image_size();
  const DepthUnits units(options.depth_unit);
  Progress progress("encode", static_cast<int64_t>(files.size()));
  for (size_t i = 0; i < files.size(); ++i) {
    const StoredImage image = options.keep_size ? read_stored_image(tokenizer.input(), files[i], units)
                                                : load_middle_squares(tokenizer, {files[i]}, size, units)[0];
    const TokenMap map = naming(files[i], [&] { return tokenizer.encode({image}); })[0];
    write_npy(outputs[i], tokenizer.token_file(map));
    progress.update(static_cast<int64_t>(i) + 1);
  }
}

void decode(const TokenizerOptions& options) {
  check_writable_folder(options.out);
  const ImageTokenizer tokenizer = open(options);
  const auto files = listed(options.inputs, {".npy"});
  const auto outputs =
      outputs_of(files, options.inputs, options.out, stored_extension(tokenizer.input()), options.overwrite);
  if (tokenizer.input().standardise)
    note("depth is written as .npy in standard deviations from the mean of each image; it has no metres");
  Progress progress("decode", static_cast<int64_t>(files.size()));
  for (size_t i = 0; i < files.size(); ++i) {
    const auto maps = tokenizer.token_maps(read_npy(files[i]), files[i].string());
    const auto images = naming(files[i], [&] { return tokenizer.decode(maps, options.decoding); });
    // Several crops become a folder of images.
    const fs::path folder = fs::path(outputs[i]).replace_extension();
    for (size_t crop = 0; crop < images.size(); ++crop) {
      const fs::path file = images.size() == 1 ? outputs[i] : folder / concat(crop, outputs[i].extension().string());
      check_not_there(file, options.overwrite);
      write_file(file, encode_stored_image(tokenizer.input(), images[crop]));
    }
    progress.update(static_cast<int64_t>(i) + 1);
  }
}

void evaluate(const TokenizerOptions& options) {
  const ImageTokenizer tokenizer = open(options);
  auto files = listed(options.inputs, {});
  if (options.limit > 0) files.resize(std::min<size_t>(files.size(), options.limit));
  const int64_t size = options.size > 0 ? options.size : tokenizer.image_size();
  const auto images =
      load_squares(tokenizer.input(), files, size, options.crops, 0, {}, DepthUnits(options.depth_unit));
  const auto report = evaluate_tokenizer(tokenizer, images, options.decoding);
  if (options.json) {
    Json json{{"images", images.size()}};
    for (const auto& [name, value] : report.measures) json[name] = value;
    std::printf("%s\n", json.dump(2).c_str());
    return;
  }
  std::printf("%-16s %zu\n", "images", images.size());
  for (const auto& [name, value] : report.measures) std::printf("%-16s %.4f\n", name.c_str(), value);
}

void solvers(const TokenizerOptions& options) {
  const ImageTokenizer tokenizer = open(options);
  auto files = listed(options.inputs, {});
  if (options.limit > 0) files.resize(std::min<size_t>(files.size(), options.limit));
  const int64_t size = options.size > 0 ? options.size : tokenizer.image_size();
  const auto images = load_middle_squares(tokenizer, files, size, DepthUnits(options.depth_unit));
  Json rows = Json::array();
  if (!options.json) std::printf("%-8s %5s %8s %8s %8s %10s\n", "solver", "steps", "rmse", "worst", "psnr", "s/image");
  for (const SolverError& e :
       compare_solvers(tokenizer, images, options.step_counts, options.reference, options.decoding)) {
    const auto& [solver, steps] = std::pair(e.options.solver, e.options.steps);
    if (options.json)
      rows.push_back({{"solver", solver},
                      {"steps", steps},
                      {"rmse", e.rmse},
                      {"worst", e.largest},
                      {"psnr", e.psnr},
                      {"seconds", e.seconds}});
    else
      std::printf("%-8s %5ld %8.2f %8.2f %8.2f %10.3f\n", solver.c_str(), static_cast<long>(steps), e.rmse, e.largest,
                  e.psnr, e.seconds);
  }
  if (options.json) std::printf("%s\n", rows.dump(2).c_str());
}

using SharedOptions = std::shared_ptr<TokenizerOptions>;

// A command that applies a tokenizer to the files or folders `IN`.
CLI::App* add_use(CLI::App& parent, const SharedOptions& options, const char* name, const char* help,
                  const char* inputs) {
  auto* command = parent.add_subcommand(name, help);
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "folder with config.json and weights, folder of a finished run, or one file (.safetensors, .pth)")
      ->transform(model_path())
      ->required();
  command->add_option("--kind", options->kind,
                      "what an official tokenizer reads: rgb, grey (edges), normal, depth, semseg, mask or features; "
                      "default: by the name of its folder");
  command->add_option("IN", options->inputs, inputs)->required();
  add_config_options(*command, options->engine, "", "Engine");
  return command;
}

// How images are read.
void add_reading_options(CLI::App& command, TokenizerOptions& options) {
  command.add_option("--size", options.size, "pixels per side of the middle square; default: the tokenizer's")
      ->check(CLI::Range(1, 4096));
  add_depth_unit_option(command, options.depth_unit);
}

// How images are read and measures printed.
void add_measure_options(CLI::App& command, TokenizerOptions& options) {
  add_reading_options(command, options);
  command.add_option("--limit", options.limit, "at most so many images; default: all")->check(CLI::PositiveNumber);
  command.add_flag("--json", options.json, "machine-readable");
}

void add_train(CLI::App& parent) {
  auto* command = parent.add_subcommand("train", "Train a tokenizer; the same command resumes an interrupted run");
  command->footer(
      "Examples:\n"
      "  fourm tokenizer train configs/rooms/tokenizer_rgb.yaml out=runs/try training.steps=100\n"
      "  fourm tokenizer train configs/rooms/tokenizer_rgb.yaml --print-config");
  add_training<TokenizerRecipe>(*command, "the recipe (configs/rooms, configs/photos, configs/tokenizers)",
                                train_tokenizer);
}

void add_encode(CLI::App& parent, const SharedOptions& options) {
  auto* command = add_use(parent, options, "encode", "Image files to tokens (.npy)", "image files or folders");
  command->add_option("--out", options->out, "folder to write into")->required();
  add_overwrite(*command, options->overwrite);
  add_reading_options(*command, *options);
  command->add_flag("--keep-size", options->keep_size, "take images as they are (sides: multiples of the patch)");
  command->footer(
      "Example:\n  fourm tokenizer encode --tokenizer models/rooms-ti/tokenizers/tok_rgb@128 rooms/rgb --out tokens");
  command->callback([options] { encode(*options); });
}

void add_decode(CLI::App& parent, const SharedOptions& options) {
  auto* command = add_use(parent, options, "decode", "Tokens (.npy) to image files; several crops to a folder of them",
                          "token files or folders");
  command->add_option("--out", options->out, "folder to write into")->required();
  add_overwrite(*command, options->overwrite);
  add_config_options(*command, options->decoding, "", "Diffusion decoders");
  command->footer("Example:\n  fourm tokenizer decode --tokenizer rgb tokens --out images --steps 6");
  command->callback([options] { decode(*options); });
}

void add_evaluation(CLI::App& parent, const SharedOptions& options) {
  auto* command =
      add_use(parent, options, "eval", "Reconstruction measures and codebook usage", "image files or folders");
  add_measure_options(*command, *options);
  command->add_option("--crops", options->crops, "random squares, as eval_crops of a recipe; 1: the middle square")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->footer(
      "Example:\n  fourm tokenizer eval --tokenizer runs/photos/tokenizer_rgb_64/model data/photographs/val --crops 4");
  add_config_options(*command, options->decoding, "", "Diffusion decoders");
  command->callback([options] { evaluate(*options); });
}

void add_solvers(CLI::App& parent, const SharedOptions& options) {
  auto* command =
      add_use(parent, options, "solvers", "Error of diffusion solvers against many DDIM steps (docs/tokenizers.md)",
              "image files or folders");
  add_measure_options(*command, *options);
  command->add_option("--counts", options->step_counts, "steps to try, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--reference", options->reference, "DDIM steps that the others are compared with")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->footer(
      "Example:\n"
      "  fourm tokenizer solvers --tokenizer 4M_tokenizers_rgb_16k_224-448 photos --counts 4,8,25 --limit 20");
  command->callback([options] { solvers(*options); });
}

}  // namespace

void add_tokenizer(CLI::App& program) {
  auto* command = program.add_subcommand("tokenizer", "Train tokenizers; images to tokens and back; measure them");
  command->require_subcommand(1);
  const auto options = std::make_shared<TokenizerOptions>();
  add_train(*command);
  add_encode(*command, options);
  add_decode(*command, options);
  add_evaluation(*command, options);
  add_solvers(*command, options);
}

}  // namespace fourm
