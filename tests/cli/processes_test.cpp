// Several processes of the program as one run: what the environment says of them, and how they end.
#include "cli/processes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <sstream>
#include <thread>

#include "fourm/core/config.h"
#include "fourm/core/file.h"
#include "fourm/io/safetensors.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

TEST(ProcessGroupConfig, OneProcessWithoutALauncher) {
  for (const Environment& variables :
       {Environment{}, {{"RANK", "0"}, {"WORLD_SIZE", "1"}}, {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}}) {
    const ProcessGroupConfig config = process_group_config(variables);
    EXPECT_EQ(config.world_size, 1);
    EXPECT_EQ(config.rank, 0);
    EXPECT_EQ(config.local_world_size, 1);
  }
}

TEST(ProcessGroupConfig, Torchrun) {
  const ProcessGroupConfig config = process_group_config({{"RANK", "5"},
                                                          {"WORLD_SIZE", "8"},
                                                          {"LOCAL_RANK", "1"},
                                                          {"LOCAL_WORLD_SIZE", "4"},
                                                          {"MASTER_ADDR", "node7"},
                                                          {"MASTER_PORT", "1234"},
                                                          {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                                                          {"TORCHELASTIC_RUN_ID", "job"},
                                                          {"TORCHELASTIC_RESTART_COUNT", "2"},
                                                          {"GLOO_SOCKET_IFNAME", "ib0"}});
  EXPECT_EQ(config.rank, 5);
  EXPECT_EQ(config.world_size, 8);
  EXPECT_EQ(config.local_rank, 1);
  EXPECT_EQ(config.local_world_size, 4);
  EXPECT_EQ(config.master_addr, "node7");
  EXPECT_EQ(config.master_port, 1234);
  EXPECT_TRUE(config.use_agent_store);
  EXPECT_EQ(config.attempt, "job.2");
  EXPECT_EQ(config.network_interface, "ib0");
}

TEST(ProcessGroupConfig, Slurm) {
  Environment variables{{"SLURM_PROCID", "9"},
                        {"SLURM_STEP_NUM_TASKS", "11"},
                        {"SLURM_LOCALID", "1"},
                        {"SLURM_NODEID", "2"},
                        {"SLURM_STEP_TASKS_PER_NODE", "4(x2),3"},
                        {"SLURM_STEP_NODELIST", "gpu[07-08,12]"},
                        {"SLURM_JOB_ID", "100"},
                        {"SLURM_STEP_ID", "0"}};
  const ProcessGroupConfig config = process_group_config(variables);
  EXPECT_EQ(config.rank, 9);
  EXPECT_EQ(config.world_size, 11);
  EXPECT_EQ(config.local_rank, 1);
  EXPECT_EQ(config.local_world_size, 3);
  EXPECT_EQ(config.master_addr, "gpu07");
  EXPECT_EQ(config.master_port, 20700);
  variables["SLURM_NODEID"] = "1";
  variables["SLURM_STEP_NODELIST"] = "login,gpu3";
  EXPECT_EQ(process_group_config(variables).local_size, 4);
  EXPECT_EQ(process_group_config(variables).address, "login");
}

TEST(ProcessGroupConfig, MessagePassingLaunchers) {
  const ProcessGroupConfig open_mpi = process_group_config({{"OMPI_COMM_WORLD_RANK", "1"},
                                                            {"OMPI_COMM_WORLD_SIZE", "2"},
                                                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(open_mpi.rank, 1);
  EXPECT_EQ(open_mpi.local_size, 2);
  EXPECT_EQ(open_mpi.address, "127.0.0.1");
  const ProcessGroupConfig pmi = process_group_config(
      {{"PMI_RANK", "3"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}, {"MASTER_ADDR", "a"}});
  EXPECT_EQ(pmi.rank, 3);
  EXPECT_EQ(pmi.local_size, 2);
  EXPECT_EQ(pmi.address, "a");
}

TEST(ProcessGroupConfig, WhatIsMissingOrWrongIsNamed) {
  const auto failure = [](const Environment& variables) -> std::string {
    try {
      process_group_config(variables);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(failure({{"WORLD_SIZE", "2"}}).find("RANK is missing"), std::string::npos);
  EXPECT_NE(failure({{"RANK", "x"}, {"WORLD_SIZE", "2"}}).find("RANK is 'x', expected a whole number"),
            std::string::npos);
  EXPECT_NE(failure({{"RANK", "2"}, {"WORLD_SIZE", "2"}}).find("rank 2 of 2"), std::string::npos);
  EXPECT_NE(failure({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_WORLD_SIZE", "1"}}).find("set MASTER_ADDR"),
            std::string::npos);
  EXPECT_NE(failure({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}).find("MASTER_PORT"),
            std::string::npos);
}

TEST(ProcessGroupConfig, ProcessorsAreShared) {
  ProcessGroupConfig config;
  const int64_t all = threads_of(0, config);
  config.local_world_size = 2;
  EXPECT_EQ(threads_of(0, config), std::max<int64_t>(1, all / 2));
  config.local_world_size = 100000;
  EXPECT_EQ(threads_of(0, config), 1);
  EXPECT_EQ(threads_of(3, config), 3);
}

class Processes : public testing::Test {
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
    test::write_token_folder(root_ / "data", 8);
    const std::string data = (root_ / "data").string();
    write_file(root_ / "recipe.yaml", R"(
batch: 8
seed: 4
model: {domains_in: [rgb@64, tok_depth@64, caption, det], domains_out: [tok_depth@64, caption, det], dim: 32,
        encoder_depth: 1, decoder_depth: 1, num_heads: 2, gated_mlp: true, qkv_bias: false, proj_bias: false,
        mlp_bias: false}
masking:
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

  pid_t start(const std::string& name, const std::vector<std::string>& arguments, Environment variables = {}) {
    for (const auto& [key, value] : environment()) variables.emplace(key, value);
    std::vector<std::string> texts{FOURM_PROGRAM};
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
    const std::string errors = errors_of(name).string();
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    pid_t process = 0;
    EXPECT_EQ(posix_spawn(&process, FOURM_PROGRAM, &files, nullptr, argv.data(), envp.data()), 0);
    posix_spawn_file_actions_destroy(&files);
    running_.push_back(process);
    return process;
  }

  // Rank `rank` of `size`, as a launcher would start it.
  pid_t start_rank(int rank, int size, int port, const std::vector<std::string>& changes) {
    std::vector<std::string> arguments{"pretrain", (root_ / "recipe.yaml").string()};
    arguments.insert(arguments.end(), changes.begin(), changes.end());
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

  // Returns when the run has done some steps.
  void await_steps(const std::string& out) const {
    const fs::path first = root_ / out / "checkpoints" / "step-000010";
    while (!fs::exists(first)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }

  std::string run_folder(const std::string& out) const { return "out=" + (root_ / out).string(); }
  fs::path errors_of(const std::string& name) const { return root_ / (name + ".stderr"); }

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

  test::TemporaryFolder temporary_;
  fs::path root_ = temporary_.path();
  std::vector<pid_t> running_;
};

TEST_F(Processes, LaunchedProcessesEqualOne) {
  const std::string recipe = (root_ / "recipe.yaml").string();
  const pid_t one = start("one", {"pretrain", recipe, run_folder("one"), "training.steps=12"});
  const Ended alone = end_of("one", one);
  EXPECT_EQ(alone.code(), 0) << alone.errors;
  const pid_t both =
      start("both", {"launch", "-n", "2", "--", "pretrain", recipe, run_folder("both"), "training.steps=12"});
  const Ended launched = end_of("both", both);
  EXPECT_EQ(launched.code(), 0) << launched.errors;
  EXPECT_EQ(launched.errors.find("fourm:"), std::string::npos) << launched.errors;
  EXPECT_EQ(launched.lines("training on"), 1) << launched.errors;
  expect_close("both", "one");
}

// Each generates its batches; together they have all results of one.
TEST_F(Processes, GenerationIsShared) {
  write_file(root_ / "prompts.txt", "a bedroom with a bed\nan office with a desk\na bathroom\n");
  const auto generate = [&](const std::string& out) -> std::vector<std::string> {
    return {"generate",
            "--model",
            (fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti").string(),
            "--in",
            "caption=@" + (root_ / "prompts.txt").string(),
            "--out-modality",
            "tok_depth@128",
            "--steps",
            "1",
            "--batch",
            "1",
            "--out",
            (root_ / out).string()};
  };
  std::vector<std::string> launch{"launch", "-n", "2", "--"};
  for (const auto& word : generate("both")) launch.push_back(word);
  for (const auto& [name, words] : {std::pair{"one", generate("one")}, std::pair{"both", launch}}) {
    const Ended ended = end_of(name, start(name, words));
    EXPECT_EQ(ended.code(), 0) << ended.errors;
  }
  int results = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root_ / "one")) {
    const fs::path name = entry.path().lexically_relative(root_ / "one");
    if (entry.path().extension() != ".png") continue;
    ASSERT_TRUE(fs::exists(root_ / "both" / name)) << name;
    EXPECT_TRUE(read_file(entry.path()) == read_file(root_ / "both" / name)) << name;
    ++results;
  }
  EXPECT_GE(results, 3);
  EXPECT_TRUE(fs::exists(root_ / "both/manifest-1-of-2.json"));
}

// The process that is left says which one is gone, in one line.
TEST_F(Processes, AKilledProcessIsNamed) {
  for (const int killed : {1, 0}) {
    const int port = test::free_port();
    const std::string out = "kill" + std::to_string(killed);
    std::array<pid_t, 2> ranks{};
    for (int rank = 0; rank < 2; ++rank) ranks[rank] = start_rank(rank, 2, port, {run_folder(out)});
    await_steps(out);
    ::kill(ranks[killed], SIGKILL);
    EXPECT_EQ(end_of("rank" + std::to_string(killed), ranks[killed]).code(), 128 + SIGKILL);
    const Ended left = end_of("rank" + std::to_string(1 - killed), ranks[1 - killed]);
    EXPECT_EQ(left.code(), 1);
    EXPECT_EQ(left.lines("fourm:"), 1) << left.errors;
    EXPECT_TRUE(left.last_line().starts_with("fourm: rank " + std::to_string(killed))) << left.errors;
  }
}

TEST_F(Processes, AStoppedProcessIsNamed) {
  for (const int stopped : {1, 0}) {
    const int port = test::free_port();
    const std::string out = "stop" + std::to_string(stopped);
    std::array<pid_t, 2> ranks{};
    for (int rank = 0; rank < 2; ++rank)
      ranks[rank] = start_rank(rank, 2, port, {run_folder(out), "training.timeout=5"});
    await_steps(out);
    ::kill(ranks[stopped], SIGSTOP);
    const Ended left = end_of("rank" + std::to_string(1 - stopped), ranks[1 - stopped]);
    EXPECT_EQ(left.code(), 1);
    EXPECT_EQ(left.lines("fourm:"), 1) << left.errors;
    EXPECT_TRUE(left.last_line().starts_with("fourm: rank " + std::to_string(stopped))) << left.errors;
  }
}

TEST_F(Processes, AProcessThatDoesNotJoinIsNamed) {
  const pid_t first = start_rank(0, 2, test::free_port(), {run_folder("late"), "training.timeout=1"});
  const Ended alone = end_of("rank0", first);
  EXPECT_EQ(alone.code(), 1);
  EXPECT_EQ(alone.errors, "fourm: rank 1 of 2 did not join within 1 s\n");
}

// Under the launcher one line in all, and nothing is left running.
TEST_F(Processes, AFailureOfOneEndsAll) {
  const std::string recipe = (root_ / "recipe.yaml").string();
  const pid_t launcher =
      start("all", {"launch", "-n", "3", "--", "pretrain", recipe, run_folder("run"), "data=nowhere"});
  const Ended ended = end_of("all", launcher);
  EXPECT_EQ(ended.code(), 1);
  EXPECT_EQ(ended.lines("fourm: nowhere: no such file or folder"), 1) << ended.errors;
  EXPECT_EQ(ended.lines("fourm:"), 1) << ended.errors;
}

TEST_F(Processes, SignalsReachAll) {
  const std::string recipe = (root_ / "recipe.yaml").string();
  const pid_t launcher = start("all", {"launch", "-n", "2", "--", "pretrain", recipe, run_folder("run")});
  await_steps("run");
  ::kill(launcher, SIGTERM);
  const Ended ended = end_of("all", launcher);
  EXPECT_EQ(ended.code(), 1);
  EXPECT_EQ(ended.lines("fourm:"), 1) << ended.errors;
  EXPECT_NE(ended.errors.find("and saved; the same command goes on from there"), std::string::npos) << ended.errors;
  EXPECT_EQ(ended.errors.find("signal"), std::string::npos) << ended.errors;
}

}  // namespace
}  // namespace fourm
