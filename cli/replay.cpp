#include "fourm/generate/replay.h"
#include "cli/verbs.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"

namespace fourm {

void add_replay(CLI::App& program) {
  struct Options {
    std::string folder, out, tokenizer;
  };
  auto options = std::make_shared<Options>();
  auto* verb = program.add_subcommand("replay", "Run a parity case and write what it computes");
  verb->add_option("CASE", options->folder, "folder with case.json and inputs.safetensors")->required();
  verb->add_option("--out", options->out, "file to write: safetensors, JSON for text cases")->required();
  verb->add_option("--tokenizer", options->tokenizer, "tokenizer.json for text cases that do not bring their own");
  verb->footer("Example:\n  fourm replay tests/fixtures/transformer/forward_21 --out results.safetensors");
  verb->callback([options] {
    check_writable_file(options->out);
    const size_t count =
        replay(options->folder, options->out,
               options->tokenizer.empty() ? std::nullopt : std::optional<fs::path>(options->tokenizer));
    note("wrote ", counted(static_cast<int64_t>(count), "result"), " to ", options->out);
  });
}

}  // namespace fourm
