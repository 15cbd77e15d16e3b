#include <iostream>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "fourm/core/strings.h"
#include "fourm/generate/generation_record.h"
#include "fourm/io/model_folder.h"
#include "fourm/model/inspect.h"

namespace fourm {
namespace {

// What `fourm generate` recorded in a PNG file: settings and inputs; null where it did not write the file.
Json generation_of(const fs::path& png) {
  for (const auto& [keyword, text] : read_png_text(png))
    if (keyword == "fourm") {
      const GenerationRecord record = GenerationRecord::parse(text, png.string());
      return {{"settings", settings_json(record.settings)}, {"sample", record.sample}, {"inputs", record.inputs}};
    }
  return nullptr;
}

std::string generation_text(const Json& generation, const std::string& png) {
  const auto shown = [](const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); };
  std::string text = "generated from\n";
  for (const Json& input : generation["inputs"]) {
    text += "  " + input.value("modality", "");
    if (input.contains("weight")) text += concat(", weight ", input["weight"].dump());
    if (input.contains("keep")) text += concat(", keep ", printable(input.value("keep", "")));
    if (input.contains("text")) text += concat(": ", printable(input.value("text", ""), 1000));
    if (input.contains("file")) text += concat(": ", printable(input.value("file", ""), 1000));
    if (!input.contains("text") && !input.contains("file") && input.contains("tokens"))
      text += concat(": ", counted(static_cast<int64_t>(input["tokens"].size()), "token"));
    text += "\n";
  }
  if (generation["inputs"].empty()) text += "  nothing\n";
  text += "with\n";
  if (const std::string sample = generation["sample"]; !sample.empty()) text += concat("  sample ", sample, "\n");
  for (const auto& [key, value] : generation["settings"].items()) text += concat("  ", key, " ", shown(value), "\n");
  return text + concat("`fourm generate --from ", png, "` generates it again\n");
}

}  // namespace

void add_inspect(CLI::App& program) {
  struct Options {
    std::string path, modalities, convert, dtype = "f32";
    int bits = 0;
    bool tensors = false, json = false;
  };
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand("inspect", "Show what a file or folder is: model, run, tensors, images, data");
  command
      ->add_option("PATH", options->path,
                   "model folder, folder of a run, config.json, safetensors file, PyTorch checkpoint (.pth, .bin), "
                   "tokenizer.json, image, .npy, .tar or data set")
      ->transform(model_path())
      ->required();
  command->add_option("--modalities", options->modalities, "YAML with further modalities of the model");
  command->add_flag("--tensors", options->tensors, "list every tensor");
  command->add_flag("--json", options->json, "machine-readable");
  command->add_option("--convert", options->convert, "write a copy here instead, stored as --dtype");
  command->add_option("--dtype", options->dtype, "f32, f16 or bf16")->capture_default_str();
  command
      ->add_option("--bits", options->bits,
                   "with --convert: round to so many significant bits, so that the file compresses; 0 = as --dtype")
      ->check(CLI::Range(0, 24))
      ->capture_default_str();
  command->footer(
      "Examples:\n  fourm inspect models/rooms-ti\n  fourm inspect model.safetensors --tensors\n"
      "  fourm inspect runs/rooms/pretrain/model --convert models/mine --dtype f16\n"
      "  fourm inspect checkpoint.pth --convert models/mine    # without running code that the file names");
  command->callback([options] {
    if (!options->convert.empty()) {
      check_writable_folder(fs::absolute(options->convert).parent_path());
      check_other_than(model_folder(options->path), options->convert);
      check_other_than(options->path, options->convert);
      convert(options->path, options->convert, options->dtype, options->bits);
      return;
    }
    Json report = inspect(options->path, options->modalities);
    const Json generation = report["kind"] == "PNG image" ? generation_of(options->path) : Json();
    if (options->json) {
      if (!generation.is_null()) report["generation"] = generation;
      std::cout << json_text(report, 2) << "\n";
      return;
    }
    std::cout << inspect_text(report, options->tensors);
    if (!generation.is_null()) std::cout << generation_text(generation, options->path);
  });
}

}  // namespace fourm
