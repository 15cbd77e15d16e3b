#include <iostream>

#include "cli/verbs.h"
#include "fourm/model/inspect.h"

namespace fourm {

void add_inspect(CLI::App& program) {
  struct Options {
    std::string path;
    bool tensors = false, json = false;
  };
  auto options = std::make_shared<Options>();
  auto* verb = program.add_subcommand("inspect", "Show a model, a config or any safetensors file");
  verb->add_option("PATH", options->path, "model folder, safetensors file or config.json")->required();
  verb->add_flag("--tensors", options->tensors, "list every tensor");
  verb->add_flag("--json", options->json, "machine-readable");
  verb->footer("Examples:\n  fourm inspect models/rooms-ti\n  fourm inspect model.safetensors --tensors");
  verb->callback([options] {
    const Json report = inspect(options->path);
    std::cout << (options->json ? report.dump(2) + "\n" : inspect_text(report, options->tensors));
  });
}

}  // namespace fourm
