// What the commands that train from a recipe have in common.
#pragma once

#include <iostream>
#include <memory>

#include "cli/outputs.h"
#include "cli/processes.h"
#include "cli/recipe_options.h"
#include "cli/stop_signals.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "fourm/core/config.h"
#include "fourm/core/strings.h"
#include "fourm/train/config.h"

namespace fourm {

/// Adds the options of a training to `command`, and the callback that reads the Recipe and calls train(recipe, stop token,
/// group of processes).
template <class Recipe, class Train>
void add_training(CLI::App& command, const std::string& recipe_help, Train train) {
  const auto options = std::make_shared<RecipeOptions>();
  options->add_to(command, recipe_help, "training.steps=100",
                  "check the whole recipe without reading data or weights, and do nothing else");
  command.callback([options, train] {
    Recipe recipe = options->template load<Recipe>();
    if (options->print_config) return print_recipe(recipe);
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
    processes.stop = StopSignals::requested;
    Outcome outcome{};
    bool requeue = false;
    try {
      in_process_group(processes, recipe.training.device, [&](const ProcessGroup& group) {
        outcome = train(recipe, StopSignals::requested, group);
        requeue = group.any(StopSignals::requeue());
      });
      outcome.check_finished(recipe.out);
    } catch (const GroupError& error) {
      if (StopSignals::requeue()) throw RequeueError(error.what());
      throw;
    } catch (const Error& error) {
      if (requeue) throw RequeueError(error.what());
      throw;
    }
  });
}

}  // namespace fourm
