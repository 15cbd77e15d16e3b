// fourm tokenize --data DIR --tokenizers DIR --out DIR
#include <tuple>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/processes.h"
#include "cli/terminal_log.h"
#include "cli/threads.h"
#include "cli/worker.h"
#include "fourm/train/pretokenize.h"

namespace fourm {

void add_tokenize(CLI::App& program) {
  auto options = std::make_shared<PretokenizeOptions>();
  auto worker = std::make_shared<std::string>();
  auto* command = program.add_subcommand("tokenize", "Turn aligned files into shards of tokens to train on");
  command->add_option("--data", options->data, "data set: rgb/, depth/, ..., caption/, det/ in folders or tar shards")
      ->required();
  command->add_option("--tokenizers", options->tokenizers, "folder of tokenizers: tok_rgb@128/, tok_depth@128/, ...")
      ->transform(model_path())
      ->required();
  command->add_option("--out", options->out, "folder to write")->required();
  add_config_options(*command, *options, "", "Options");
  command
      ->add_option(
          "--clip", options->clip,
          "image-text model that makes the features of tok_clip@SIZE from crops of rgb: a CLIP in the layout of "
          "Hugging Face, or of `fourm clip train`; default: they are read from clip/")
      ->transform(model_path());
  command->add_option(
      "--worker", *worker,
      "K/N: make every N-th shard from shard K on; run K = 0 to N - 1. Processes of a launcher share the "
      "shards without it");
  command->footer(
      "Existing shards are kept: the same command resumes an interrupted run. When samples were added or removed, "
      "or files changed (by size or time), only the shards that they touch are made.\n\n"
      "Examples:\n"
      "  fourm tokenize --data rooms/train --tokenizers runs/tokenizers --out tokens/train\n"
      "  fourm tokenize --data photos --tokenizers official/tokenizers --clip clip-vit-base-patch16 --out "
      "tokens/photos\n"
      "  fourm tokenize --data photos --tokenizers runs/tokenizers --out tokens/photos --crops 4 --worker 0/2 &\n"
      "  fourm tokenize --data photos --tokenizers runs/tokenizers --out tokens/photos --crops 4 --worker 1/2\n"
      "  fourm launch -n 2 -- tokenize --data photos --tokenizers runs/tokenizers --out tokens/photos --crops 4");
  command->callback([options, worker, command] {
    const ProcessGroupConfig processes = process_group_config(environment());
    options->worker = processes.rank;
    options->workers = processes.world_size;
    if (!worker->empty()) std::tie(options->worker, options->workers) = parse_worker(*worker);
    check_writable_folder(options->out);
    if (processes.world_size > 1) use_threads(threads_of(0, processes));
    const auto tokenize = [&] {
      if (processes.rank > 0) set_log_sink(std::make_shared<QuietTerminalLog>());
      pretokenize(*options);
    };
    if (worker->empty()) {
      in_independent_processes(command->config_to_str(/*default_also=*/true), {.device = options->device}, processes,
                               tokenize);
    } else {
      use_own_gpu(processes, options->device);
      tokenize();
    }
  });
}

}  // namespace fourm
