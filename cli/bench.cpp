#include <cstdio>
#include <iostream>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/tensor_memory.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "fourm/bench/bench.h"
#include "fourm/bench/estimate.h"
#include "fourm/bench/official_size.h"

namespace fourm {
namespace {

// A name and a value in each line, with the unit that the name ends with.
void print_estimate(const BenchConfig& bench, const EstimateConfig& config, bool as_json) {
  if (bench.size.empty()) throw UsageError("--estimate needs --size, an official size");
  if (bench.precision != "f32" && bench.precision != "bf16")
    throw UsageError("--estimate needs --precision f32 or bf16");
  const Json json = to_json(estimate(config, official_size(bench.size), bench.precision == "bf16"), config);
  if (as_json) {
    std::cout << json_text(json) << std::endl;
    return;
  }
  for (const auto& [name, value] : json.items())
    if (value.is_number_integer())
      std::printf("%-20s %12lld\n", name.c_str(), value.get<long long>());
    else
      std::printf("%-20s %12.4g\n", name.c_str(), value.get<double>());
}

}  // namespace

void add_bench(CLI::App& program) {
  struct Options {
    BenchConfig bench;
    EstimateConfig estimate;
    int threads = 0;
    bool json = false, only_estimate = false;
  };
  auto o = std::make_shared<Options>();
  auto* command = program.add_subcommand("bench", "Time typical workloads, the fast engine and the reference in turn");
  add_config_options(*command, o->bench, "", "", {{"workloads", "WORKLOAD"}, {"engines", "--engine"}});
  command->add_flag(
      "--estimate", o->only_estimate,
      "instead: estimate memory, time and communication of a training step by the cost model (docs/distributed.md)");
  add_config_options(*command, o->estimate, "", "Cost model");
  auto* model = command->get_option("--model")->transform(model_path());
  command->get_option("--size")->excludes(model);
  command->get_option("--engine")->delimiter(',')->allow_extra_args(false);
  command->add_option("--threads", o->threads, "0 = all processors")->check(CLI::Range(0, 4096))->capture_default_str();
  command->add_flag("--json", o->json, "one JSON line for each workload and engine");
  command->footer(
      "Examples:\n"
      "  fourm bench caption roar1 --size B\n"
      "  fourm bench caption --size B --engine fast --precision int8 --json\n"
      "  fourm bench --estimate --size XL --precision bf16 --processes 128 --batch 8192 --shard gradients");
  command->callback([o] {
    if (o->only_estimate) return print_estimate(o->bench, o->estimate, o->json);
    if (o->bench.workloads.empty()) throw UsageError("WORKLOAD is required, or --estimate");
    if (o->bench.model.empty() && o->bench.size.empty()) throw UsageError("give --model DIR or --size B");
    if (!o->json)
      std::printf("%-11s %-10s %-5s %-7s %10s %11s %8s %8s %8s\n", "workload", "engine", "type", "device", "seconds",
                  "samples/s", "first", "GiB", "of peak");
    use_threads(o->threads);
    o->bench.release_memory = release_freed_memory;
    bench(o->bench, [&](const BenchRecord& r) {
      if (o->json)
        std::cout << json_text(to_json(r)) << std::endl;
      else
        std::printf("%-11s %-10s %-5s %-7s %10.3f %11.2f %8.2f %8.2f %6.0f %%\n", r.workload.c_str(), r.engine.c_str(),
                    r.precision.c_str(), r.device.c_str(), r.median, r.samples_per_second, r.first, r.memory_gib,
                    100 * r.peak.share);
    });
  });
}

}  // namespace fourm
