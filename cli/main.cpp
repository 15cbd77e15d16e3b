// fourm: the command line program. Exit codes: 0 done, 1 the request failed (one line says why), 2 wrong usage, 75 saved on
// SIGUSR1 and to be started again.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/processes.h"
#include "cli/stop_signals.h"
#include "cli/tensor_memory.h"
#include "cli/terminal_log.h"
#include "cli/usage.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/dist/process_group.h"

namespace {

// Threads that wait for work spin for some tens of microseconds, then sleep, unless the user says otherwise. Between two
// matrix multiplications of a network new work comes at once, and waking a thread costs as much as a small multiplication.
// OpenMP's own limit is a hundred times longer: on a machine with other work, or in a container with fewer processors, that
// makes two threads many times slower than one. OpenMP reads its variables once, when its library is loaded, and the
// environment cannot be changed before that. So the program restarts itself before libraries are initialised.
#ifndef __SANITIZE_ADDRESS__  // whose own set-up comes later
void bound_waiting(int, char** arguments, char** environment) {
  size_t count = 0;
  for (; environment[count]; ++count)
    for (const char* name : {"OMP_WAIT_POLICY=", "GOMP_SPINCOUNT="})
      if (std::strncmp(environment[count], name, std::strlen(name)) == 0) return;
  constexpr size_t kMost = 4096;
  static char* extended[kMost + 2];
  static char bound[] = "GOMP_SPINCOUNT=3000";
  if (count > kMost) return;
  std::copy_n(environment, count, extended);
  extended[count] = bound;
  ::execve("/proc/self/exe", arguments, extended);  // returns when it cannot: then as it is
}
__attribute__((section(".preinit_array"), used)) void (*const before_libraries)(int, char**, char**) = bound_waiting;
#endif

// "nan" passes every range and "inf" most: no option that is a number takes them. Seeds that are negative or too large would be
// cut to another seed.
void refuse_other_numbers(CLI::App& command) {
  const CLI::Validator finite(
      [](std::string& text) {
        return std::isfinite(std::strtod(text.c_str(), nullptr)) ? "" : text + " is not a finite number";
      },
      "");
  const CLI::Validator seed(
      [](std::string& text) {
        uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        return error == std::errc() && end == text.data() + text.size()
                   ? ""
                   : text + " is not an integer from 0 to 2^64 - 1";
      },
      "");
  for (CLI::Option* option : command.get_options()) {
    if (option->get_type_name().starts_with("FLOAT")) option->check(finite);
    if (option->get_type_name().starts_with("UINT")) option->check(seed);
  }
  for (CLI::App* nested : command.get_subcommands(nullptr)) refuse_other_numbers(*nested);
}

// --quiet may be given before or after a command.
void add_quiet(CLI::App& command) {
  command
      .add_flag_callback(
          "--quiet", [] { fourm::set_log_sink(std::make_shared<fourm::QuietTerminalLog>()); },
          "no notes and no progress on stderr")
      ->configurable(false);  // processes of a run may differ in it
  for (CLI::App* nested : command.get_subcommands(nullptr)) add_quiet(*nested);
}

// The commands in the groups of docs/README.md, of which --help makes sections.
void add_commands(CLI::App& program) {
  using Add = void (*)(CLI::App&);
  const std::vector<std::pair<const char*, std::vector<Add>>> groups{
      {"Use", {fourm::add_demo, fourm::add_generate, fourm::add_probe, fourm::add_search, fourm::add_inspect}},
      {"Train",
       {fourm::add_data, fourm::add_rooms, fourm::add_vocab, fourm::add_tokenizer, fourm::add_tokenize,
        fourm::add_pretrain, fourm::add_finetune, fourm::add_clip, fourm::add_launch, fourm::add_monitor}},
      {"Measure",
       {fourm::add_eval, fourm::add_predict, fourm::add_report, fourm::add_transfer_benchmark, fourm::add_ablate}},
      {"Develop", {fourm::add_bench, fourm::add_config, fourm::add_replay}}};
  for (const auto& [group, commands] : groups)
    for (const Add add : commands) {
      add(program);
      program.get_subcommands(nullptr).back()->group(group);
    }
}

// "Commands" for what CLI11 calls subcommands, and a last line that says how each is explained.
void describe_commands(CLI::App& app, const std::string& name) {
  const auto nested = app.get_subcommands(nullptr);
  if (!nested.empty() && app.get_footer().empty()) app.footer(name + " COMMAND --help explains a command.");
  for (CLI::App* command : nested) {
    if (command->get_group() == "Subcommands") command->group("Commands");
    describe_commands(*command, name + " " + command->get_name());
  }
}

int failed(int code, std::string message) {
  message.resize(std::min(message.find('\n'), message.size()));
  if (message.find("CUDA out of memory") != std::string::npos)
    message += " Use smaller batches or samples, bf16, or in training checkpoint_activations=true.";
  std::fprintf(stderr, "fourm: %s\n", message.c_str());
  if (const char* descriptor = std::getenv(fourm::kErrorDescriptor))
    ::dprintf(std::atoi(descriptor), "%s\n", message.c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  fourm::keep_freed_memory();
  fourm::set_log_sink(std::make_shared<fourm::TerminalLog>());
  CLI::App program{
      "4M, massively multimodal masked modeling: one Transformer that reads and writes images, depth, "
      "normals, semantic maps, boxes and text.",
      "fourm"};
  program.set_version_flag("--version", "fourm " FOURM_VERSION);
  program.require_subcommand(1);
  program.get_formatter()->label("SUBCOMMAND", "COMMAND");
  add_commands(program);
  add_quiet(program);
  describe_commands(program, "fourm");
  refuse_other_numbers(program);
  try {
    program.parse(argc, argv);
    std::fflush(stdout);  // std::cout goes through it too
    fourm::check(!std::ferror(stdout), "the results could not be written to standard output; is the disk full?");
    return 0;
  } catch (const CLI::Success& success) {
    // A word that is no command before --help is not passed over.
    if (const std::string unknown = fourm::unknown_command_message(program); !unknown.empty())
      return failed(2, unknown);
    return program.exit(success);
  } catch (const CLI::ParseError& error) {
    return failed(2, fourm::usage_message(program, error));
  } catch (const fourm::UsageError& error) {
    return failed(2, error.what());
  } catch (const fourm::RequeueError& error) {
    std::fflush(stdout);
    std::_Exit(
        failed(fourm::RequeueError::kExitCode, error.what()));  // as below: it may have been stopped while it waited
  } catch (const fourm::GroupError& error) {
    std::fflush(stdout);
    std::_Exit(failed(1, error.what()));  // without waiting for threads that wait for other processes
  } catch (const std::bad_alloc&) {
    return failed(1, "not enough memory for this request");
  } catch (const std::exception& error) {
    return failed(1, error.what());
  }
}
