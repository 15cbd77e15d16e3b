// Several processes of the program as one run: what the environment says of them, and how they end.
#include "cli/processes.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <array>

#include "cli/stop_signals.h"
#include "tests/support/message_of.h"
#include "tests/support/program_runs.h"

namespace fourm {
namespace {

using Processes = test::ProgramRuns;

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
  EXPECT_EQ(process_group_config(variables).local_world_size, 4);
  EXPECT_EQ(process_group_config(variables).master_addr, "login");
  // With its plugin for PMI-2, srun sets some of the variables of PMI too.
  variables["PMI_RANK"] = "9";
  variables["PMI_SIZE"] = "11";
  EXPECT_EQ(process_group_config(variables).local_rank, 1);
  EXPECT_EQ(process_group_config(variables).local_world_size, 4);
}

TEST(ProcessGroupConfig, MessagePassingLaunchers) {
  const ProcessGroupConfig open_mpi = process_group_config({{"OMPI_COMM_WORLD_RANK", "1"},
                                                            {"OMPI_COMM_WORLD_SIZE", "2"},
                                                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(open_mpi.rank, 1);
  EXPECT_EQ(open_mpi.local_world_size, 2);
  EXPECT_EQ(open_mpi.master_addr, "127.0.0.1");
  const ProcessGroupConfig pmi = process_group_config(
      {{"PMI_RANK", "3"}, {"PMI_SIZE", "4"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}, {"MASTER_ADDR", "a"}});
  EXPECT_EQ(pmi.rank, 3);
  EXPECT_EQ(pmi.local_world_size, 2);
  EXPECT_EQ(pmi.master_addr, "a");
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
  EXPECT_NE(failure({{"RANK", "x"}, {"WORLD_SIZE", "2"}}).find("RANK is 'x', expected an integer"), std::string::npos);
  EXPECT_NE(failure({{"RANK", "2"}, {"WORLD_SIZE", "2"}}).find("rank 2 of 2"), std::string::npos);
  for (const char* size : {"0", "-2", "100000000"})
    EXPECT_NE(failure({{"RANK", "0"}, {"WORLD_SIZE", size}}).find("expected 1 to 65536"), std::string::npos) << size;
  EXPECT_EQ(
      failure({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "5"}, {"LOCAL_WORLD_SIZE", "2"}}),
      "local rank 5 of 2 processes on this machine, of 2 in all: ranks count from 0 on each machine (LOCAL_RANK and "
      "LOCAL_WORLD_SIZE, or what the launcher sets for them)");
  for (const char* size : {"0", "-1", "3"})
    EXPECT_NE(failure({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_WORLD_SIZE", size}}).find("LOCAL_WORLD_SIZE"),
              std::string::npos)
        << size;
  EXPECT_NE(failure({{"SLURM_PROCID", "0"},
                     {"SLURM_LOCALID", "0"},
                     {"SLURM_STEP_NUM_TASKS", "2"},
                     {"SLURM_STEP_NODELIST", "localhost"},
                     {"SLURM_STEP_TASKS_PER_NODE", "abc"}})
                .find("local rank 0 of 0 processes"),
            std::string::npos);
  EXPECT_NE(failure({{"RANK", "5"}, {"WORLD_SIZE", "1"}}).find("rank 5 of 1"), std::string::npos);
  EXPECT_NE(failure({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_WORLD_SIZE", "1"}}).find("set MASTER_ADDR"),
            std::string::npos);
  EXPECT_NE(failure({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}).find("MASTER_PORT"),
            std::string::npos);
}

TEST(ProcessGroupConfig, EachProcessHasItsGpu) {
  ProcessGroupConfig config;
  config.local_rank = 2;
  config.local_world_size = 4;
  EXPECT_EQ(gpu_of("", 0, config, "cuda"), "2");  // the number of GPUs is not known
  EXPECT_EQ(gpu_of("", 4, config, "cuda"), "2");
  EXPECT_EQ(gpu_of("4,5,6,7", 8, config, "cuda"), "6");
  EXPECT_EQ(gpu_of("GPU-8932f937", 8, config, "cuda"), "GPU-8932f937");
  EXPECT_EQ(gpu_of("4,5", 8, config, "auto"), "");
}

TEST(ProcessGroupConfig, MoreProcessesThanGpusAreAnError) {
  ProcessGroupConfig config;
  config.local_world_size = 4;
  EXPECT_EQ(test::message_of([&] { gpu_of("4,5", 8, config, "cuda"); }),
            "device cuda: 4 processes on this machine have 2 GPUs (CUDA_VISIBLE_DEVICES=4,5); start at most one "
            "process for each GPU");
  EXPECT_EQ(test::message_of([&] { gpu_of("", 1, config, "cuda:all"); }),
            "device cuda:all: 4 processes on this machine have 1 GPU; start at most one process for each GPU");
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

// Rank 0 prints the measures, which are those of one process.
TEST_F(Processes, EvaluationIsShared) {
  const std::string rooms = (root_ / "rooms").string();
  EXPECT_EQ(end_of("rooms", start("rooms", {"rooms", "--count", "3", "--size", "128", "--out", rooms})).code(), 0);
  const std::vector<std::string> eval{"eval",   "--model",  (fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti").string(),
                                      "--data", rooms,      "--count",
                                      "3",      "--inputs", "rgb,caption",
                                      "--json"};
  std::vector<std::string> launch{"launch", "-n", "2", "--"};
  launch.insert(launch.end(), eval.begin(), eval.end());
  for (const auto& [name, words] : {std::pair{"one", eval}, std::pair{"both", launch}}) {
    const Ended ended = end_of(name, start(name, words));
    EXPECT_EQ(ended.code(), 0) << ended.errors;
  }
  const std::string one = read_file(output_of("one"));
  EXPECT_NE(one.find("\"measures\""), std::string::npos) << one;
  EXPECT_EQ(read_file(output_of("both")), one);
}

// Processes that share work, but were given other options, do none of it.
TEST_F(Processes, OtherOptionsAreNamed) {
  const fs::path model = fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti";
  const std::string out = (root_ / "out").string();
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"eval", "--model", model, "--data", "nowhere"},
        std::vector<std::string>{"generate", "--model", model, "--in", "caption=a room", "--out-modality",
                                 "tok_depth@128", "--out", out},
        std::vector<std::string>{"tokenize", "--data", "nowhere", "--tokenizers", model / "tokenizers", "--out",
                                 out}}) {
    const int port = test::free_port();
    std::array<pid_t, 2> ranks{};
    for (int rank = 0; rank < 2; ++rank) {
      std::vector<std::string> words = command;
      for (const auto& word : {std::string("--seed"), std::to_string(rank + 1)}) words.push_back(word);
      ranks[rank] = start_rank_of_command(rank, 2, port, words);
    }
    for (int rank = 0; rank < 2; ++rank) {
      const Ended ended = end_of("rank" + std::to_string(rank), ranks[rank]);
      EXPECT_EQ(ended.code(), 1) << command[0];
      EXPECT_EQ(ended.errors, "fourm: rank 1 has another option than rank 0: 'seed=2' instead of 'seed=1'\n");
    }
    EXPECT_TRUE(!fs::exists(out) || fs::is_empty(out)) << command[0];
  }
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

// Also where processes only share work.
TEST_F(Processes, AKilledProcessOfTokenizeIsNamed) {
  constexpr int kImages = 600;
  const fs::path images = root_ / "images/rgb";
  fs::create_directories(images);
  write_png(images / "0000.png", Image(128, 128, 3, 90));
  for (int i = 1; i < kImages; ++i) {
    const std::string digits = std::to_string(i);
    fs::create_hard_link(images / "0000.png", images / (std::string(4 - digits.size(), '0') + digits + ".png"));
  }
  const fs::path out = root_ / "tokens";
  const int port = test::free_port();
  std::array<pid_t, 2> ranks{};
  for (int rank = 0; rank < 2; ++rank)
    ranks[rank] = start_rank_of_command(rank, 2, port,
                                        {"tokenize", "--data", images.parent_path().string(), "--tokenizers",
                                         (fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti/tokenizers").string(),
                                         "--shard-size", "20", "--out", out.string()});
  const auto has_begun = [&] { return fs::exists(out) && !fs::is_empty(out); };
  while (!has_begun()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ::kill(ranks[1], SIGKILL);
  EXPECT_EQ(end_of("rank1", ranks[1]).code(), 128 + SIGKILL);
  const Ended left = end_of("rank0", ranks[0]);
  EXPECT_EQ(left.code(), 1);
  EXPECT_EQ(left.lines("fourm:"), 1) << left.errors;
  EXPECT_TRUE(left.last_line().starts_with("fourm: rank 1")) << left.errors;
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

TEST_F(Processes, AWaitForTheOthersCanBeStopped) {
  const int port = test::free_port();
  const pid_t first = start_rank(0, 2, port, {run_folder("late")});
  while (!test::listens(port)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(first, SIGUSR1);
  const Ended alone = end_of("rank0", first);
  EXPECT_EQ(alone.code(), RequeueError::kExitCode);
  EXPECT_EQ(alone.errors, "fourm: stopped while waiting for the other processes\n");
}

// As on two machines without a common file system: the folder has the same name in both.
TEST_F(Processes, AllNeedTheSameRunFolder) {
  const int port = test::free_port();
  std::vector<pid_t> ranks;
  for (const std::string rank : {"0", "1"}) {
    make_folder(root_ / ("machine" + rank));
    ranks.push_back(start("rank" + rank,
                          {"-C", (root_ / ("machine" + rank)).string(), FOURM_PROGRAM, "pretrain",
                           (root_ / "recipe.yaml").string(), "out=run"},
                          {{"RANK", rank}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", std::to_string(port)}},
                          "/usr/bin/env"));
  }
  for (int rank = 0; rank < 2; ++rank) {
    const Ended ended = end_of("rank" + std::to_string(rank), ranks[rank]);
    EXPECT_EQ(ended.code(), 1);
    EXPECT_NE(ended.last_line().find("run: rank 1 does not see the run folder of rank 0"), std::string::npos)
        << ended.errors;
  }
}

TEST_F(Processes, TheLauncherIsQuiet) {
  for (const bool before : {true, false}) {
    std::vector<std::string> words{"launch", "-n", "2"};
    words.insert(before ? words.begin() : words.end(), "--quiet");
    const std::string out = before ? "before" : "after";
    for (const std::string& word :
         {std::string("--"), std::string("pretrain"), (root_ / "recipe.yaml").string(), run_folder(out)})
      words.push_back(word);
    words.push_back("training.steps=6");
    const Ended ended = end_of(out, start(out, words));
    EXPECT_EQ(ended.code(), 0);
    EXPECT_EQ(ended.errors, "");
  }
}

// Under the launcher one line in all, and nothing is left running.
TEST_F(Processes, AFailureOfOneEndsAll) {
  const std::string recipe = (root_ / "recipe.yaml").string();
  const pid_t launcher =
      start("all", {"launch", "-n", "3", "--", "pretrain", recipe, run_folder("run"), "data=nowhere"});
  const Ended ended = end_of("all", launcher);
  EXPECT_EQ(ended.code(), 1);
  EXPECT_EQ(ended.lines("fourm: nowhere: no such file or folder"), 1) << ended.errors;
  EXPECT_EQ(ended.lines(""), 1) << ended.errors;
}

TEST_F(Processes, SignalsReachAll) {
  const std::string recipe = (root_ / "recipe.yaml").string();
  const pid_t launcher = start("all", {"launch", "-n", "2", "--", "pretrain", recipe, run_folder("run")});
  await_steps("run");
  ::kill(launcher, SIGTERM);
  const Ended ended = end_of("all", launcher);
  EXPECT_EQ(ended.code(), 1);
  EXPECT_EQ(ended.lines("fourm:"), 1) << ended.errors;
  EXPECT_NE(ended.errors.find("and saved; the same command resumes the run"), std::string::npos) << ended.errors;
  EXPECT_EQ(ended.errors.find("signal"), std::string::npos) << ended.errors;
}

TEST_F(Processes, TheMonitorServesThePageOfARun) {
  const std::string run = (root_ / "run").string();
  EXPECT_EQ(end_of("train", start("train", {"pretrain", (root_ / "recipe.yaml").string(), run_folder("run"),
                                            "training.steps=6"}))
                .code(),
            0);
  const pid_t monitor = start("monitor", {"monitor", run, "--serve", "--port", "0"});
  std::string url;
  while (url.find('\n') == std::string::npos) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    url = read_file(output_of("monitor"));
  }
  ASSERT_TRUE(url.starts_with("http://127.0.0.1:")) << url;
  httplib::Client client(url.substr(0, url.rfind('/')));
  const auto page = client.Get("/");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 200);
  EXPECT_NE(page->body.find("step 6 of 6"), std::string::npos) << page->body;
  EXPECT_EQ(client.Get("/other")->status, 404);
  // A name of another site that leads to this machine, as in DNS rebinding.
  const std::string port = url.substr(url.rfind(':') + 1, url.rfind('/') - url.rfind(':') - 1);
  EXPECT_EQ(client.Get("/", {{"Host", "localhost:" + port}})->status, 200);
  for (const std::string& host : {"example.org:" + port, std::string("example.org"), std::string("127.0.0.1:1"),
                                  "localhost:" + port + ".example.org", std::string()}) {
    const auto refused = client.Get("/", {{"Host", host}});
    ASSERT_TRUE(refused) << host;
    EXPECT_EQ(refused->status, 403) << host;
    EXPECT_EQ(refused->body.find("step 6"), std::string::npos) << host;
  }
  fs::rename(root_ / "run", root_ / "moved");
  const auto gone = client.Get("/");
  EXPECT_EQ(gone->status, 500);
  EXPECT_NE(gone->body.find("is not the folder of a training run"), std::string::npos) << gone->body;
  ::kill(monitor, SIGTERM);
  EXPECT_EQ(end_of("monitor", monitor).code(), 0);
}

}  // namespace
}  // namespace fourm
