#include <iostream>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "fourm/model/inspect.h"

namespace fourm {

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
      convert(options->path, options->convert, options->dtype, options->bits);
      return;
    }
    const Json report = inspect(options->path, options->modalities);
    std::cout << (options->json ? json_text(report, 2) + "\n" : inspect_text(report, options->tensors));
  });
}

}  // namespace fourm
