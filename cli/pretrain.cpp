// fourm pretrain RECIPE.yaml [key=value ...]
#include "cli/outputs.h"
#include "cli/stop_signals.h"
#include "cli/verbs.h"
#include "fourm/core/config.h"
#include "fourm/train/pretraining.h"

namespace fourm {

void add_pretrain(CLI::App& program) {
  auto* verb =
      program.add_subcommand("pretrain", "Train a 4M by masked modeling; the same command goes on where it stopped");
  auto recipe = std::make_shared<std::string>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  verb->add_option("RECIPE.yaml", *recipe, "the recipe (docs/training.md)")->required();
  verb->add_option("key=value", *overrides, "changes to it, such as training.steps=100");
  verb->footer("Example:\n  fourm pretrain configs/rooms/pretrain.yaml out=runs/try training.steps=100");
  verb->callback([recipe, overrides] {
    PretrainConfig config;
    load_config(*recipe, *overrides, config);
    check_run_folder(config.out);
    const StopSignals signals;
    pretrain(config, StopSignals::requested).check_finished(config.out);
  });
}

}  // namespace fourm
