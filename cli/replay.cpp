#include <optional>

#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/text_tokenizer.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/parity/cases.h"

namespace fourm {

void add_replay(CLI::App& program) {
  struct Options {
    std::string folder, out, tokenizer;
    OneDeviceConfig compute;
  };
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand("replay", "Run a parity case and write what it computes");
  command->add_option("CASE", options->folder, "folder with case.json and inputs.safetensors")->required();
  command->add_option("--out", options->out, "file to write: safetensors, JSON for text cases")->required();
  command->add_option("--tokenizer", options->tokenizer,
                      "tokenizer.json for text cases that do not bring their own; default $FOURM_TOKENIZER");
  add_config_options(*command, options->compute, "", "Engine");
  command->footer("Example:\n  fourm replay tests/fixtures/transformer/forward_21 --out results.safetensors");
  command->callback([options] {
    check_writable_file(options->out);
    const fs::path tokenizer =
        options->tokenizer.empty() ? text_tokenizer_of_environment() : fs::path(options->tokenizer);
    const size_t count = replay(options->folder, options->out,
                                tokenizer.empty() ? std::nullopt : std::optional(tokenizer), options->compute);
    note("wrote ", counted(static_cast<int64_t>(count), "result"), " to ", options->out);
  });
}

}  // namespace fourm
