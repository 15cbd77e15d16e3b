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

// The last command of the line, and the words that lead to it.
struct ChosenCommand {
  const CLI::App* app;
  std::string words;  // without the program's name

  explicit ChosenCommand(const CLI::App& program) : app(&program) {
    for (auto chosen = app->get_subcommands(); !chosen.empty(); chosen = app->get_subcommands()) {
      app = chosen.front();
      words = concat(words, words.empty() ? "" : " ", app->get_name());
    }
  }
  std::string where() const { return words.empty() ? "" : concat(words, ": "); }
};

bool is_option(const std::string& word) { return word.size() > 1 && word.starts_with('-'); }

}  // namespace

std::string unknown_command_message(const CLI::App& program) {
  const ChosenCommand command(program);
  const std::vector<std::string> unknown = program.remaining(true), commands = commands_of(*command.app);
  if (commands.empty() || unknown.empty() || is_option(unknown.front())) return "";
  return command.where() + unknown_command(unknown.front(), commands);
}

std::string usage_message(const CLI::App& program, const CLI::ParseError& error) {
  if (std::string message = unknown_command_message(program); !message.empty()) return message;
  const ChosenCommand command(program);
  const std::string where = command.where(),
                    help = concat("`", program.get_name(), command.words.empty() ? "" : " ", command.words, " --help`");
  const std::vector<std::string> commands = commands_of(*command.app);
  std::vector<std::string> unknown = program.remaining(true);
  unknown.erase(std::find(unknown.begin(), unknown.end(), "--"), unknown.end());  // what follows is for another program
  const auto option = std::find_if(unknown.begin(), unknown.end(), is_option);
  if (option != unknown.end()) return where + unknown_option(*command.app, *option, help);
  if (!commands.empty())
    return concat(where, "a command is needed: ", join(commands, ", "), "; ", help, " explains them");
  const std::string what = unknown.empty() ? error.what() : "unexpected argument " + printable(unknown.front());
  return concat(where, what, "; ", help, " explains the command");
}

}  // namespace fourm
