#include <cstdio>
#include <iostream>

#include "cli/bundled.h"
#include "cli/tensor_memory.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "fourm/bench/bench.h"
#include "fourm/core/strings.h"

namespace fourm {

void add_bench(CLI::App& program) {
  struct Options {
    BenchConfig bench;
    std::string model, save, engines = "fast,reference";
    int threads = 0;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  auto* verb = program.add_subcommand("bench", "Time the usual work, the fast engine and the reference in turn");
  verb->add_option("WORKLOAD", o->bench.workloads,
                   "roar1 (image -> depth, one step), maskgit8 (image -> normals, 8 steps), caption, caption8 (eight "
                   "images), t2i (text -> image, 25 steps); of the official RGB tokenizer: tok_encode (8 images), "
                   "tok_decode (one, 25 DDIM steps), tok_decode8 (one, 8 steps of DPM-Solver++), tok_step (one step); "
                   "train (a step of 8 samples, 128 + 128 tokens)")
      ->required();
  auto* model = verb->add_option("--model", o->model, "model folder")->transform(model_path());
  verb->add_option("--size", o->bench.size, "random weights instead: Ti, S, B, L or XL")->excludes(model);
  verb->add_option("--save", o->save, "keep the random weights here, and use them again");
  verb->add_option("--dtype", o->bench.dtype, "what random weights are stored as: f32, f16 or bf16")
      ->capture_default_str();
  verb->add_option("--engine", o->engines, "fast, reference, or both in turn")->capture_default_str();
  verb->add_option("--precision", o->bench.precision, "of the fast engine: f32, bf16, int8 or auto")
      ->capture_default_str();
  verb->add_option("--repeats", o->bench.repeats, "timed runs after one that warms up")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  verb->add_option("--threads", o->threads, "0 = all processors")->check(CLI::Range(0, 4096))->capture_default_str();
  verb->add_flag("--json", o->json, "one JSON line a workload and engine");
  verb->footer(
      "Examples:\n"
      "  fourm bench caption roar1 --size B\n"
      "  fourm bench caption --size B --engine fast --precision int8 --json");
  verb->callback([o] {
    if (o->model.empty() && o->bench.size.empty()) throw UsageError("give --model DIR or --size B");
    o->bench.model = o->model;
    o->bench.save = o->save;
    o->bench.engines = split(o->engines, ',');
    if (!o->json)
      std::printf("%-10s %-10s %-5s %10s %8s %8s %8s\n", "workload", "engine", "type", "seconds", "first", "GiB",
                  "of peak");
    use_threads(o->threads);
    o->bench.release_memory = release_freed_memory;
    bench(o->bench, [&](const Json& r) {
      if (o->json) {
        std::cout << json_text(r) << std::endl;
        return;
      }
      std::printf("%-10s %-10s %-5s %10.3f %8.2f %8.2f %6.0f %%\n", r["workload"].get<std::string>().c_str(),
                  r["engine"].get<std::string>().c_str(), r["precision"].get<std::string>().c_str(),
                  r["median_s"].get<double>(), r["first_s"].get<double>(), r["rss_gib"].get<double>(),
                  100 * r["peak_share"].get<double>());
    });
  });
}

}  // namespace fourm
