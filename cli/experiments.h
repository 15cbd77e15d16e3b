// What the commands that run many trainings have in common.
#pragma once

#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/outputs.h"
#include "cli/processes.h"
#include "cli/recipe_options.h"
#include "cli/stop_signals.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"

namespace fourm {

/// Adds the options of an experiment to `command`, and the callback that reads the Config, checks and runs it, and prints its
/// table. `threads(config)`: the number of threads in the recipe, 0 = all processors.
template <class Config, class Check, class Run, class Table, class Threads>
void add_experiment(CLI::App& command, const std::string& help, Check check_config, Run run, Table table,
                    Threads threads) {
  struct Options : RecipeOptions {
    int64_t threads = 0;
    bool json = false;
  };
  const auto o = std::make_shared<Options>();
  o->add_to(command, help, "out=runs/other", "check all recipes without reading data or weights, and do nothing else");
  command.add_option("--threads", o->threads, "processor threads; default: those of the recipe, else all")
      ->check(CLI::Range(1, 4096));
  command.add_flag("--json", o->json, "machine-readable");
  command.callback([=] {
    const Config config = o->template load<Config>();
    if (o->print_config) return print_recipe(config);
    if (o->dry_run) {
      check_config(config);
      std::cout << o->recipe << ": the recipes are valid\n";
      return;
    }
    if (!config.out.empty()) check_writable_folder(config.out);
    use_threads(threads_of(o->threads > 0 ? o->threads : threads(config), ProcessGroupConfig{}));
    const StopSignals signals;
    const auto result = run(config, StopSignals::requested);
    std::cout << (o->json ? json_text(to_json(result)) + "\n" : table(result));
    if (result.missing == 0) return;
    check(!StopSignals::requested(), config.out, ": stopped and saved; the same command resumes");
    fail(config.out, ": not finished: some runs failed (see the warnings) or belong to another process");
  });
}

}  // namespace fourm
