// What the commands that train from a recipe have in common.
#pragma once

#include <iostream>
#include <memory>

#include "cli/outputs.h"
#include "cli/processes.h"
#include "cli/stop_signals.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "fourm/core/config.h"
#include "fourm/core/strings.h"
#include "fourm/train/config.h"

namespace fourm {

/// Adds the options of a training to `verb`, and the callback that reads the Recipe and calls train(recipe, stop token,
/// group of processes).
template <class Recipe, class Train>
void add_training(CLI::App& verb, const std::string& recipe_help, Train train) {
  struct Options {
    std::string recipe;
    std::vector<std::string> overrides;
    bool print_config = false, dry_run = false;
  };
  const auto options = std::make_shared<Options>();
  verb.add_option("RECIPE.yaml", options->recipe, recipe_help)->required();
  verb.add_option("key=value", options->overrides, "changes to it, such as training.steps=100");
  verb.add_flag("--print-config", options->print_config, "print the recipe with every key, and do nothing else");
  verb.add_flag("--dry-run", options->dry_run,
                "check the whole recipe without reading data or weights, and do nothing else");
  verb.callback([options, train] {
    for (const auto& assignment : options->overrides)
      if (assignment.find('=') == std::string::npos || assignment.starts_with('='))
        throw UsageError("expected key=value, got " + printable(assignment));
    Recipe recipe;
    load_config(options->recipe, options->overrides, recipe);
    if (options->print_config) {
      std::cout << yaml_text(to_yaml(recipe)) << "\n";
      return;
    }
    if (options->dry_run) {
      recipe = resolved(recipe);
      std::cout << options->recipe << ": the recipe is valid: " << counted(recipe.training.steps, "step")
                << ", run folder " << recipe.out << "\n";
      return;
    }
    check_run_folder(recipe.out);
    ProcessGroupConfig processes = process_group_config(environment());
    processes.timeout = recipe.training.timeout;
    use_threads(threads_of(recipe.training.threads, processes));
    const StopSignals signals;
    Outcome outcome{};
    bool requeue = false;
    in_process_group(processes, [&](const ProcessGroup& group) {
      outcome = train(recipe, StopSignals::requested, group);
      requeue = group.any(StopSignals::requeue());
    });
    try {
      outcome.check_finished(recipe.out);
    } catch (const Error& error) {
      if (requeue) throw RequeueError(error.what());
      throw;
    }
  });
}

}  // namespace fourm
