#include <cstdio>
#include <iostream>

#include "cli/bundled.h"
#include "cli/config_options.h"
#include "cli/tensor_memory.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "fourm/bench/bench.h"

namespace fourm {

void add_bench(CLI::App& program) {
  struct Options {
    BenchConfig bench;
    int threads = 0;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  auto* verb = program.add_subcommand("bench", "Time typical workloads, the fast engine and the reference in turn");
  add_config_options(*verb, o->bench, "", "", {{"workloads", "WORKLOAD"}, {"engines", "--engine"}});
  verb->get_option("WORKLOAD")->required();
  auto* model = verb->get_option("--model")->transform(model_path());
  verb->get_option("--size")->excludes(model);
  verb->get_option("--engine")->delimiter(',')->allow_extra_args(false);
  verb->add_option("--threads", o->threads, "0 = all processors")->check(CLI::Range(0, 4096))->capture_default_str();
  verb->add_flag("--json", o->json, "one JSON line a workload and engine");
  verb->footer(
      "Examples:\n"
      "  fourm bench caption roar1 --size B\n"
      "  fourm bench caption --size B --engine fast --precision int8 --json");
  verb->callback([o] {
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
