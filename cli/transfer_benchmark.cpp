// fourm transfer-benchmark RECIPE.yaml [key=value ...]
#include "cli/commands.h"
#include "cli/experiments.h"
#include "fourm/experiments/token_benchmark.h"

namespace fourm {

void add_transfer_benchmark(CLI::App& program) {
  auto* command = program.add_subcommand(
      "transfer-benchmark",
      "Fine-tune a model on many token prediction tasks and compare losses; resumes when repeated");
  command->footer(
      "Each task and seed is a run folder OUT/TASK/seedN. Processes that are started with the same recipe share them.\n"
      "Results are OUT/benchmark.md and OUT/benchmark.json.\n\n"
      "Examples:\n"
      "  fourm transfer-benchmark configs/transfer/rooms.yaml recipe.init=models/rooms-ti out=runs/transfer/rooms-ti\n"
      "  fourm transfer-benchmark configs/transfer/rooms.yaml recipe.init= out=runs/transfer/scratch\n"
      "  fourm transfer-benchmark configs/transfer/rooms.yaml --print-config");
  add_experiment<TokenBenchmarkConfig>(
      *command, "recipe of the benchmark (docs/experiments.md)", check_benchmark, run_token_benchmark, benchmark_table,
      [](const TokenBenchmarkConfig& config) { return config.recipe.training.threads; });
}

}  // namespace fourm
