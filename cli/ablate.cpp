// fourm ablate RECIPE.yaml [key=value ...]
#include "cli/commands.h"
#include "cli/experiments.h"
#include "fourm/experiments/ablation.h"

namespace fourm {

void add_ablate(CLI::App& program) {
  auto* command = program.add_subcommand(
      "ablate", "Pre-train with one setting changed, compare by the token benchmark; resumes when repeated");
  command->footer(
      "Runs are folders OUT/runs/HASH, named by a hash of their recipe, so ablations share equal runs. Several "
      "processes\n"
      "with the same recipe share the runs. OUT/NAME.md, .json and .svg are the results.\n\n"
      "Examples:\n"
      "  fourm ablate configs/ablations/rooms/input_budget.yaml out=runs/ablations\n"
      "  fourm ablate configs/ablations/rooms/input_budget.yaml --dry-run");
  add_experiment<AblationConfig>(*command, "recipe of the ablation (docs/experiments.md)", check_ablation, run_ablation,
                                 ablation_table, [](const AblationConfig&) { return int64_t{0}; });
}

}  // namespace fourm
