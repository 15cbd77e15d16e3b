#include "cli/usage.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::string without_dashes(const std::string& name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

// Without dashes.
std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back(name);
  return names;
}

bool takes_recipe_keys(const CLI::App& app) {
  const auto options = app.get_options();
  return std::any_of(options.begin(), options.end(), [](const auto* o) { return o->get_name() == "key=value"; });
}

std::string unknown_option(const CLI::App& command, const std::string& given, const std::string& help) {
  const std::string name = given.substr(0, given.find('='));
  if (takes_recipe_keys(command))
    return concat("no option ", printable(name),
                  "; keys of the recipe are written without dashes: ", without_dashes(name), "=VALUE");
  const std::string nearest = nearest_name(without_dashes(name), options_of(command));  // dashes would count as equal
  if (nearest.empty()) return concat("no option ", printable(name), "; ", help, " lists them");
  return concat("no option ", printable(name), " (did you mean '--", nearest, "'?)");
}

std::string unknown_command(const std::string& name, const std::vector<std::string>& commands) {
  const std::string hint = did_you_mean(name, commands);
  return concat("no command ", printable(name), hint.empty() ? "; the commands are " + join(commands, ", ") : hint);
}

}  // namespace

std::string usage_message(const CLI::App& program, const CLI::ParseError& error) {
  const CLI::App* command = &program;
  std::string words = program.get_name();
  for (auto chosen = command->get_subcommands(); !chosen.empty(); chosen = command->get_subcommands()) {
    command = chosen.front();
    words += " " + command->get_name();
  }
  const std::string help = "`" + words + " --help`";
  const std::string where = command == &program ? "" : words.substr(program.get_name().size() + 1) + ": ";
  const std::vector<std::string> unknown = program.remaining(true), commands = commands_of(*command);
  const auto option = std::find_if(unknown.begin(), unknown.end(),
                                   [](const auto& word) { return word.size() > 1 && word.starts_with('-'); });
  if (!commands.empty() && !unknown.empty() && option != unknown.begin())
    return where + unknown_command(unknown.front(), commands);
  if (option != unknown.end()) return where + unknown_option(*command, *option, help);
  if (!commands.empty())
    return concat(where, "a command is needed: ", join(commands, ", "), "; ", help, " explains them");
  const std::string what = unknown.empty() ? error.what() : "unexpected argument " + printable(unknown.front());
  return concat(where, what, "; ", help, " explains the command");
}

}  // namespace fourm
