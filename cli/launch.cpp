// fourm launch -n N -- COMMAND ...: the processes of a run on one machine
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <set>
#include <string_view>

#include "cli/commands.h"
#include "cli/processes.h"
#include "cli/usage.h"
#include "fourm/core/error.h"

namespace fourm {
namespace {

using Clock = std::chrono::steady_clock;

// After one process has failed, the others have this long to end by themselves.
constexpr std::chrono::seconds kGrace{15};

int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool found = listener >= 0 && ::bind(listener, any, length) == 0 && ::getsockname(listener, any, &length) == 0;
  if (listener >= 0) ::close(listener);
  check(found, "no port of this machine could be used: ", std::strerror(errno));
  return ntohs(address.sin_port);
}

struct Child {
  pid_t process = -1;
  // The end of a pipe of what it writes on standard error. Rank 0 writes to the terminal itself, and its last error to the pipe too.
  int errors = -1;
  std::string unread;  // of a line
  int status = 0;
  bool running = true;
  bool failed() const { return !running && status != 0; }
};

// Signals that are passed on.
constexpr std::array<int, 4> kPassedOn{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
std::array<volatile std::sig_atomic_t, kPassedOn.size()> received{};

class Launch {
 public:
  Launch(int64_t size, const std::vector<std::string>& arguments) : children_(size) {
    struct sigaction action {};
    action.sa_handler = [](int signal) {
      for (size_t i = 0; i < kPassedOn.size(); ++i)
        if (kPassedOn[i] == signal) received[i] = 1;
    };
    for (const int signal : kPassedOn) sigaction(signal, &action, nullptr);
    const int port = free_port();
    for (int64_t rank = 0; rank < size; ++rank) start(rank, port, arguments);
  }

  // Returns when all have ended: the exit code.
  int wait() {
    std::optional<Clock::time_point> last;
    while (std::any_of(children_.begin(), children_.end(), [](const Child& c) { return c.running; })) {
      forward_errors();
      for (size_t i = 0; i < kPassedOn.size(); ++i)
        if (received[i]) {
          received[i] = 0;
          send(kPassedOn[i]);
        }
      reap();
      const bool failed = std::any_of(children_.begin(), children_.end(), [](const Child& c) { return c.failed(); });
      if (failed && !last) last = Clock::now() + kGrace;
      if (last && Clock::now() > *last) {
        has_killed_ = true;
        send(SIGKILL);
      }
    }
    // What is left in the pipes, unless a process of another program holds them open.
    const auto has_pipe = [](const Child& child) { return child.errors >= 0; };
    while (std::any_of(children_.begin(), children_.end(), has_pipe) && forward_errors()) continue;
    for (size_t rank = 0; rank < children_.size(); ++rank)
      if (!children_[rank].unread.empty()) add_line(rank, children_[rank].unread);
    for (const auto& [rank, line] : errors_)
      if (line != error_of_first_ && error_of_first_ != concat("rank ", rank, ": ", line))
        show(rank, concat(kProgram, line));
    return exit_code();
  }

 private:
  void start(int64_t rank, int port, const std::vector<std::string>& arguments) {
    int ends[2] = {-1, -1};
    check(::pipe2(ends, O_CLOEXEC) == 0, "no pipe to rank ", rank, ": ", std::strerror(errno));
    Environment variables = environment();
    const std::string size = std::to_string(children_.size()), place = std::to_string(rank);
    variables["RANK"] = variables["LOCAL_RANK"] = place;
    variables["WORLD_SIZE"] = variables["LOCAL_WORLD_SIZE"] = size;
    variables["MASTER_ADDR"] = "127.0.0.1";
    variables["MASTER_PORT"] = std::to_string(port);
    variables.erase(kErrorDescriptor);
    if (rank == 0) variables[kErrorDescriptor] = std::to_string(ends[1]);
    for (const char* other : {"TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"})
      variables.erase(other);
    std::vector<std::string> texts{"fourm"};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    const size_t argument_count = texts.size();
    for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
    std::vector<char*> argv, envp;
    for (size_t i = 0; i < texts.size(); ++i) (i < argument_count ? argv : envp).push_back(texts[i].data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);

    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    check(process >= 0, "rank ", rank, " could not be started: ", std::strerror(errno));
    if (process == 0) {
      ::setpgid(0, 0);  // keys such as Ctrl-C reach the launcher alone, which passes them on
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      if (rank == 0) {
        ::fcntl(ends[1], F_SETFD, 0);  // stays open in the program, which gets its number
      } else {
        const int nothing = ::open("/dev/null", O_RDWR);
        ::dup2(nothing, STDIN_FILENO);
        ::dup2(nothing, STDOUT_FILENO);
        ::dup2(ends[1], STDERR_FILENO);
      }
      ::execve("/proc/self/exe", argv.data(), envp.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    children_[rank].process = process;
    children_[rank].errors = ends[0];
  }

  void send(int signal) {
    for (const Child& child : children_)
      if (child.running) ::kill(child.process, signal);
  }

  void reap() {
    for (size_t rank = 0; rank < children_.size(); ++rank) {
      Child& child = children_[rank];
      if (!child.running || ::waitpid(child.process, &child.status, WNOHANG) != child.process) continue;
      child.running = false;
      if (child.status != 0 && first_failure_.empty()) first_failure_ = concat("rank ", rank, end_of(child));
      if (rank > 0 && WIFSIGNALED(child.status) && !has_killed_) show(rank, end_of(child).substr(1));
    }
  }

  static std::string end_of(const Child& child) {
    if (!WIFSIGNALED(child.status)) return " failed";
    return concat(" was ended by signal ", WTERMSIG(child.status), " (", strsignal(WTERMSIG(child.status)), ")");
  }

  // What the other processes write on standard error, as it comes; returns within a fifth of a second. False if there was
  // nothing.
  bool forward_errors() {
    constexpr int kMilliseconds = 200;
    std::vector<pollfd> ends;
    std::vector<size_t> ranks;
    for (size_t rank = 0; rank < children_.size(); ++rank)
      if (children_[rank].errors >= 0) {
        ends.push_back({children_[rank].errors, POLLIN, 0});
        ranks.push_back(rank);
      }
    if (::poll(ends.data(), ends.size(), kMilliseconds) <= 0) return false;
    for (size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].revents == 0) continue;
      Child& child = children_[ranks[i]];
      char buffer[4096];
      const ssize_t count = ::read(child.errors, buffer, sizeof buffer);
      if (count <= 0) {
        ::close(child.errors);
        child.errors = -1;
        continue;
      }
      child.unread.append(buffer, static_cast<size_t>(count));
      for (size_t end; (end = child.unread.find('\n')) != std::string::npos; child.unread.erase(0, end + 1))
        add_line(ranks[i], child.unread.substr(0, end));
    }
    return true;
  }

  // Errors are shown at the end, where rank 0 has not said the same.
  void add_line(size_t rank, const std::string& line) {
    if (rank == 0)
      error_of_first_ = line;
    else if (!line.starts_with(kProgram))
      show(rank, line);
    else if (const std::string error = line.substr(kProgram.size()); !error.starts_with("rank "))
      errors_.emplace_back(rank, error);
    else if (failure_.empty())  // of the group, which rank 0 writes itself, unless it was stopped
      failure_ = error;
  }

  // A line that several processes write is shown once.
  void show(size_t rank, const std::string& line) {
    if (!shown_.insert(line).second) return;
    std::fprintf(stderr, "rank %zu: %s\n", rank, line.c_str());
  }

  int exit_code() const {
    const Child& first = children_[0];
    if (WIFSIGNALED(first.status)) {
      if (has_killed_) fail(failure_.empty() ? first_failure_ + "; the other processes were ended" : failure_);
      fail("rank 0", end_of(first), failure_.empty() ? "" : "; " + failure_);
    }
    if (first.status != 0) return WEXITSTATUS(first.status);  // it has said why
    if (!first_failure_.empty()) fail(failure_.empty() ? first_failure_ : failure_);
    return 0;
  }

  static constexpr std::string_view kProgram = "fourm: ";  // begins the line of an error

  std::vector<Child> children_;
  std::set<std::string> shown_;
  std::string error_of_first_;                          // of rank 0
  std::vector<std::pair<size_t, std::string>> errors_;  // of the others
  std::string failure_;                                 // of the group, as a rank other than 0 writes it
  std::string first_failure_;                           // of a process: the first that failed
  bool has_killed_ = false;                             // processes that did not end by themselves
};

}  // namespace

void add_launch(CLI::App& program) {
  struct Options {
    int64_t processes = 0;
    std::vector<std::string> arguments;
  };
  auto options = std::make_shared<Options>();
  auto* command =
      program.add_subcommand("launch", "Run a command in several processes of this machine, which share its work");
  command->add_option("-n,--processes", options->processes, "processes; each has its share of the processors")
      ->required()
      ->check(CLI::Range(1, 1024));
  command->add_option("COMMAND", options->arguments, "the command and its arguments, after --")->required();
  command->footer(
      "Rank 0 writes to the terminal; errors of the others follow their rank. When one process fails, all end. On "
      "several\n"
      "machines torchrun or srun start the processes (docs/distributed.md).\n\n"
      "Example:\n  fourm launch -n 2 -- pretrain configs/rooms/pretrain.yaml out=runs/try training.steps=100");
  command->callback([options, command, &program] {
    std::vector<std::string> arguments = options->arguments;
    if (command->count("--quiet") + program.count("--quiet") > 0) arguments.insert(arguments.begin(), "--quiet");
    const int code = Launch(options->processes, arguments).wait();
    if (code != 0) std::exit(code);
  });
}

}  // namespace fourm
