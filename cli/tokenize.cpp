// fourm tokenize --data DIR --tokenizers DIR --out DIR
#include "cli/verbs.h"
#include "fourm/train/pretokenize.h"

namespace fourm {

void add_tokenize(CLI::App& program) {
  auto options = std::make_shared<PretokenizeOptions>();
  auto* verb = program.add_subcommand("tokenize", "Turn a folder of aligned files into tokens to train on");
  verb->add_option("--data", options->data, "folder with rgb/, depth/, ..., caption/, det/, as `fourm rooms` writes it")
      ->required();
  verb->add_option("--tokenizers", options->tokenizers, "folder of tokenizers: tok_rgb@128/, tok_depth@128/, ...")
      ->required();
  verb->add_option("--out", options->out, "folder to write")->required();
  verb->footer("Example:\n  fourm tokenize --data rooms/train --tokenizers runs/tokenizers --out tokens/train");
  verb->callback([options] { pretokenize(*options); });
}

}  // namespace fourm
