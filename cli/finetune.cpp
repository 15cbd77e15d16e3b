// fourm finetune RECIPE.yaml [key=value ...]
#include "cli/commands.h"
#include "cli/training.h"
#include "fourm/transfer/finetuning.h"

namespace fourm {

void add_finetune(CLI::App& program) {
  auto* command = program.add_subcommand(
      "finetune",
      "Train an encoder with a head for classes, maps or boxes; the same command resumes an interrupted run");
  command->footer(
      "Examples:\n"
      "  fourm rooms --count 200 --size 128 --seed 11 --split val --out rooms/labelled\n"
      "  fourm rooms --count 50 --size 128 --seed 12 --split test --out rooms/val\n"
      "  fourm finetune configs/finetune/rooms_semseg.yaml data=rooms/labelled eval_data=rooms/val out=runs/semseg\n"
      "  fourm finetune configs/finetune/imagenet1k_b.yaml init=official/4M-7_B_CC12M data=imagenet/train "
      "eval_data=imagenet/val\n"
      "  fourm eval --model runs/semseg --data rooms/val\n"
      "  fourm predict --model runs/semseg --in photos --out maps");
  add_training<FinetuneRecipe>(*command, "the recipe (docs/finetuning.md)", finetune);
}

}  // namespace fourm
