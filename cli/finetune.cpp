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
      "  fourm rooms --count 200 --size 128 --seed 3 --out rooms/labelled\n"
      "  fourm finetune configs/finetune/rooms_semseg.yaml data=rooms/labelled out=runs/semseg\n"
      "  fourm finetune configs/finetune/imagenet1k_b.yaml data=imagenet/train eval_data=imagenet/val\n"
      "  fourm finetune configs/finetune/rooms_class.yaml frozen=true head.kind=attentive out=runs/probe\n"
      "  fourm eval --model runs/semseg --data rooms/val\n"
      "  fourm predict --model runs/semseg --in photos --out maps");
  add_training<FinetuneRecipe>(*command, "the recipe (docs/finetuning.md)", finetune);
}

}  // namespace fourm
