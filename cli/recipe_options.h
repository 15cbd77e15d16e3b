// The options of commands that read a recipe.
#pragma once

#include <iostream>
#include <string>
#include <vector>

#include "cli/usage.h"
#include "fourm/core/config.h"
#include "fourm/core/strings.h"

namespace fourm {

struct RecipeOptions {
  std::string recipe;
  std::vector<std::string> overrides;
  bool print_config = false, dry_run = false;

  /// `dry_run_help`: what is checked without being done.
  void add_to(CLI::App& command, const std::string& recipe_help, const std::string& example,
              const std::string& dry_run_help) {
    command.add_option("RECIPE.yaml", recipe, recipe_help)->required();
    command.add_option("key=value", overrides, "changes to it, such as " + example);
    command.add_flag("--print-config", print_config, "print the recipe with every key, and do nothing else");
    command.add_flag("--dry-run", dry_run, dry_run_help);
  }

  template <class Recipe>
  Recipe load() const {
    for (const auto& assignment : overrides)
      if (assignment.find('=') == std::string::npos || assignment.starts_with('='))
        throw UsageError("expected key=value, got " + printable(assignment));
    Recipe config;
    load_config(recipe, overrides, config);
    return config;
  }
};

/// --print-config. A length in tokens is printed in steps, as in the recipe of a run folder, so that the text is a recipe.
template <class Recipe>
void print_recipe(const Recipe& recipe) {
  if constexpr (requires { with_steps(recipe); })
    std::cout << yaml_text(to_yaml(with_steps(recipe)));
  else
    std::cout << yaml_text(to_yaml(recipe));
}

}  // namespace fourm
