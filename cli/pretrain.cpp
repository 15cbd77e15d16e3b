// fourm pretrain RECIPE.yaml [key=value ...]
#include "cli/commands.h"
#include "cli/training.h"
#include "fourm/train/pretraining.h"

namespace fourm {

void add_pretrain(CLI::App& program) {
  auto* command =
      program.add_subcommand("pretrain", "Train a 4M by masked modeling; the same command resumes an interrupted run");
  command->footer(
      "Examples:\n"
      "  fourm pretrain configs/rooms/pretrain.yaml out=runs/try training.steps=100\n"
      "  fourm pretrain configs/rooms/pretrain.yaml --print-config");
  add_training<PretrainConfig>(*command, "the recipe (docs/training.md)", pretrain);
}

}  // namespace fourm
