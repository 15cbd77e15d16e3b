// A fixture that runs the program in several processes, as a launcher does.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <sstream>
#include <thread>

#include "cli/processes.h"
#include "fourm/core/config.h"
#include "fourm/core/file.h"
#include "fourm/io/safetensors.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"

namespace fourm::test {

class ProgramRuns : public testing::Test {
 protected:
  struct Ended {
    int status;
    std::string errors;
    int code() const { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }
    int lines(const std::string& beginning) const {
      std::istringstream in(errors);
      int count = 0;
      for (std::string line; std::getline(in, line);) count += line.starts_with(beginning);
      return count;
    }
    std::string last_line() const {
      std::istringstream in(errors);
      std::string line, last;
      while (std::getline(in, line)) last = line;
      return last;
    }
  };

  void SetUp() override {
    write_token_folder(root_ / "data", 8);
    const std::string data = (root_ / "data").string();
    write_file(root_ / "recipe.yaml", R"(
batch: 8
seed: 4
)" + std::string(kSmallModel) + R"(masking:
  input_tokens: [8, 24]
  target_tokens: [24, 24]
  mixture: [{name: all2all, input_others: 0.5, target_others: 0.5}]
training: {threads: 1, precision: f32, accumulate: 2, optimizer: {clip_norm: 0.5}, steps: 1000000,
           schedule: {lr: 0.005, warmup_steps: 5, decay: constant}, log_every: 1, checkpoint_every: 10, evaluate_every: 0}
data: )" + data + "\ntext_tokenizer: " + data +
                                          "/text.json\nmodalities: " + data + "/modalities.yaml\n");
  }

  void TearDown() override {
    for (const pid_t process : running_) {
      ::kill(process, SIGKILL);
      ::waitpid(process, nullptr, 0);
    }
  }

  /// Starts a program, whose standard output and errors go to files of the given name.
  pid_t start(const std::string& name, const std::vector<std::string>& arguments, Environment variables = {},
              const std::string& program = FOURM_PROGRAM) {
    for (const auto& [key, value] : environment()) variables.emplace(key, value);
    std::vector<std::string> texts{program};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<std::string> settings;
    for (const auto& [key, value] : variables) settings.push_back(key + "=" + value);
    std::vector<char*> argv, envp;
    for (auto& text : texts) argv.push_back(text.data());
    for (auto& text : settings) envp.push_back(text.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    const std::string errors = errors_of(name).string(), output = output_of(name).string();
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    pid_t process = 0;
    EXPECT_EQ(posix_spawn(&process, program.c_str(), &files, nullptr, argv.data(), envp.data()), 0);
    posix_spawn_file_actions_destroy(&files);
    running_.push_back(process);
    return process;
  }

  /// Rank `rank` of `size`, as a launcher would start it.
  pid_t start_rank(int rank, int size, int port, const std::vector<std::string>& changes) {
    std::vector<std::string> arguments{"pretrain", (root_ / "recipe.yaml").string()};
    arguments.insert(arguments.end(), changes.begin(), changes.end());
    return start_rank_of_command(rank, size, port, arguments);
  }

  pid_t start_rank_of_command(int rank, int size, int port, const std::vector<std::string>& arguments) {
    const std::string r = std::to_string(rank), n = std::to_string(size);
    return start("rank" + r, arguments,
                 {{"RANK", r},
                  {"WORLD_SIZE", n},
                  {"LOCAL_RANK", r},
                  {"LOCAL_WORLD_SIZE", n},
                  {"MASTER_ADDR", "127.0.0.1"},
                  {"MASTER_PORT", std::to_string(port)}});
  }

  Ended end_of(const std::string& name, pid_t process) {
    Ended ended{};
    EXPECT_EQ(::waitpid(process, &ended.status, 0), process);
    std::erase(running_, process);
    ended.errors = read_file(errors_of(name));
    return ended;
  }

  /// Returns when the run has done some steps.
  void await_steps(const std::string& out) const {
    const fs::path first = root_ / out / "checkpoints" / "step-000010";
    while (!fs::exists(first)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  std::string run_folder(const std::string& out) const { return "out=" + (root_ / out).string(); }
  fs::path errors_of(const std::string& name) const { return root_ / (name + ".stderr"); }
  fs::path output_of(const std::string& name) const { return root_ / (name + ".stdout"); }

  void expect_close(const std::string& found, const std::string& expected) const {
    const auto a = SafetensorsFile::open(root_ / found / "model/model.safetensors");
    const auto b = SafetensorsFile::open(root_ / expected / "model/model.safetensors");
    for (const auto& tensor : b.tensors()) {
      if (tensor.dtype != DType::kF32) continue;
      const auto *x = reinterpret_cast<const float*>(a.find(tensor.name)->data),
                 *y = reinterpret_cast<const float*>(tensor.data);
      double difference = 0, length = 0;
      for (size_t i = 0; i < tensor.bytes / sizeof(float); ++i) {
        difference += (x[i] - y[i]) * (x[i] - y[i]);
        length += y[i] * y[i];
      }
      EXPECT_LE(difference, 1e-10 * length) << tensor.name;
    }
  }

  TemporaryFolder temporary_;
  fs::path root_ = temporary_.path();
  std::vector<pid_t> running_;
};

}  // namespace fourm::test
