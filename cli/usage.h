// What is wrong with a command line, in one line.
#pragma once

#include <CLI/CLI.hpp>

#include "fourm/core/error.h"

namespace fourm {

/// Wrong usage of the command line: the program exits with code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Names the command or option that is not known, with the nearest one, or says what else `error` found. After a failed
/// parse of `program`.
std::string usage_message(const CLI::App& program, const CLI::ParseError& error);

/// The message where the word after the last command is no command, else "". After a parse of `program`, also one that --help
/// ended.
std::string unknown_command_message(const CLI::App& program);

}  // namespace fourm
