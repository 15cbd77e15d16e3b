// Runs of several processes that are killed, stopped, late or out of disk space, and go on.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>

#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "tests/support/program_runs.h"

namespace fourm {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class Recovery : public test::ProgramRuns {
 protected:
  static constexpr int kEvery = 4;  // steps between two checkpoints

  static std::string rank_name(int rank) { return "rank" + std::to_string(rank); }

  fs::path weights_of(const std::string& out) const { return root_ / out / "model/model.safetensors"; }

  // The step of the last record.
  int64_t recorded_step(const std::string& out) const {
    const fs::path file = root_ / out / "metrics.jsonl";
    if (!fs::exists(file)) return 0;
    int64_t step = 0;
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);) {
      const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (record.is_object()) step = record["step"].get<int64_t>();
    }
    return step;
  }

  int64_t newest_checkpoint(const std::string& out) const {
    const fs::path folder = root_ / out / "checkpoints";
    int64_t newest = 0;
    if (!fs::exists(folder)) return 0;
    for (const auto& entry : fs::directory_iterator(folder))
      if (const std::string name = entry.path().filename(); name.starts_with("step-"))
        newest = std::max<int64_t>(newest, std::stoll(name.substr(5)));
    return newest;
  }

  bool has_ended(pid_t process) const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == process;
  }

  static bool wait_until(const std::function<bool()>& condition, std::chrono::seconds longest) {
    for (const auto end = Clock::now() + longest; Clock::now() < end; std::this_thread::sleep_for(5ms))
      if (condition()) return true;
    return condition();
  }

  std::vector<std::string> changes(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{run_folder(out), "training.checkpoint_every=" + std::to_string(kEvery),
                                 "training.schedule.warmup_steps=2"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  // Each rank begins up to `delay` after the one before.
  std::vector<pid_t> start_all(int size, const std::vector<std::string>& changed, Random& random,
                               std::chrono::milliseconds delay) {
    const int port = test::free_port();
    std::vector<pid_t> ranks;
    for (int rank = 0; rank < size; ++rank) {
      ranks.push_back(start_rank(rank, size, port, changed));
      std::this_thread::sleep_for(std::chrono::milliseconds(random.below(delay.count() + 1)));
    }
    return ranks;
  }

  void expect_done(const std::vector<pid_t>& ranks) {
    for (size_t rank = 0; rank < ranks.size(); ++rank) {
      const Ended ended = end_of(rank_name(static_cast<int>(rank)), ranks[rank]);
      EXPECT_EQ(ended.code(), 0) << ended.errors;
    }
  }

  // All but the given rank have ended with one line that says why.
  void expect_one_line(const std::vector<pid_t>& ranks, int but) {
    for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
      if (rank == but) continue;
      const Ended ended = end_of(rank_name(rank), ranks[rank]);
      EXPECT_EQ(ended.code(), 1) << ended.errors;
      EXPECT_EQ(ended.lines("fourm:"), 1) << ended.errors;
      EXPECT_TRUE(ended.last_line().starts_with("fourm: ")) << ended.errors;
    }
  }

  // Kills `kills` times a random rank at a random time, each time resumes, and returns the largest number of steps that were
  // repeated. Every eighth time the rank is stopped instead.
  int64_t disturb(const std::string& out, int size, int kills, const std::vector<std::string>& changed, Random& random);

  // The processes of the program that `parent` has started.
  static std::vector<pid_t> ranks_of(pid_t parent) {
    std::vector<pid_t> ranks;
    std::error_code ignored;
    for (const auto& task : fs::directory_iterator(fs::path("/proc") / std::to_string(parent) / "task", ignored)) {
      std::ifstream in(task.path() / "children");
      for (pid_t child = 0; in >> child;)
        if (fs::equivalent(fs::path("/proc") / std::to_string(child) / "exe", FOURM_PROGRAM, ignored))
          ranks.push_back(child);
    }
    return ranks;
  }

  // Whether the process has the rank 0.
  static bool is_first(pid_t process) {
    std::ifstream in(fs::path("/proc") / std::to_string(process) / "environ");
    for (std::string variable; std::getline(in, variable, '\0');)
      if (variable == "RANK=0") return true;
    return false;
  }
};

int64_t Recovery::disturb(const std::string& out, int size, int kills, const std::vector<std::string>& changed,
                          Random& random) {
  int64_t most_repeated = 0, sum = 0;
  Clock::duration slowest{};
  for (int kill = 0; kill < kills; ++kill) {
    const int64_t first = newest_checkpoint(out);
    const std::vector<pid_t> ranks = start_all(size, changed, random, 300ms);
    const int victim = static_cast<int>(random.below(size));
    const bool stops = kill % 8 == 7;
    // At any time: in the start of the processes, or after some more steps.
    const int64_t target = first + random.below(3 * kEvery);
    if (random.chance(0.8)) {
      EXPECT_TRUE(wait_until([&] { return recorded_step(out) > target || has_ended(ranks[0]); }, 300s));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(random.below(60)));
    EXPECT_FALSE(has_ended(ranks[0])) << "the run is too short for so many kills: " << read_file(errors_of("rank0"));
    ::kill(ranks[victim], stops ? SIGSTOP : SIGKILL);
    const int64_t before = newest_checkpoint(out);
    const auto since = Clock::now();
    expect_one_line(ranks, victim);
    slowest = std::max(slowest, Clock::now() - since);
    if (stops) ::kill(ranks[victim], SIGKILL);
    end_of(rank_name(victim), ranks[victim]);
    // The run resumes from the newest checkpoint that was there: what was done since is repeated.
    EXPECT_GE(newest_checkpoint(out), before);
    const int64_t repeated = std::max<int64_t>(0, recorded_step(out) - newest_checkpoint(out));
    most_repeated = std::max(most_repeated, repeated);
    sum += repeated;
  }
  std::cout << size << " processes, " << kills << " kills: " << sum << " steps repeated, at most " << most_repeated
            << " at once; the others ended within "
            << std::chrono::duration_cast<std::chrono::milliseconds>(slowest).count() << " ms" << std::endl;
  return most_repeated;
}

// The steps since the last checkpoint are repeated, and nothing else is different in the end. The environment variable
// FOURM_KILLS is the number of kills for each number of processes, such as 15: it takes minutes.
TEST_F(Recovery, KillsChangeNothing) {
  const char* wanted = std::getenv("FOURM_KILLS");
  if (!wanted) GTEST_SKIP() << "FOURM_KILLS is not set: the number of kills, such as 15";
  const int kills = std::stoi(wanted);
  Random random(7, {30});
  for (const auto& [size, shard] : {std::pair{2, "none"}, std::pair{4, "gradients"}}) {
    const std::string name = "of" + std::to_string(size);
    const std::vector<std::string> more{"training.steps=240", "training.timeout=30",
                                        std::string("training.shard=") + shard};
    expect_done(start_all(size, changes(name, more), random, 0ms));
    // A checkpoint is written during the steps after it, so that two may be repeated.
    EXPECT_LE(disturb(name + "_killed", size, kills, changes(name + "_killed", more), random), 2 * kEvery);
    expect_done(start_all(size, changes(name + "_killed", more), random, 0ms));
    EXPECT_TRUE(read_file(weights_of(name + "_killed")) == read_file(weights_of(name)));
  }
}

// A process that comes late, but within the time-out, is waited for.
TEST_F(Recovery, ALateProcessIsWaitedFor) {
  const int port = test::free_port();
  std::vector<pid_t> ranks{start_rank(0, 2, port, changes("late", {"training.steps=4"}))};
  std::this_thread::sleep_for(3s);
  ranks.push_back(start_rank(1, 2, port, changes("late", {"training.steps=4"})));
  expect_done(ranks);
}

// While rank 0 is stopped, the others cannot join, and wait for what LibTorch's store gives no time-out.
TEST_F(Recovery, AProcessThatIsStoppedBeforeTheOthersJoinIsNamed) {
  const int port = test::free_port();
  const auto start = [&](int rank) { return start_rank(rank, 3, port, changes("stopped", {"training.timeout=5"})); };
  std::vector<pid_t> ranks{start(0)};
  EXPECT_TRUE(wait_until([&] { return test::listens(port); }, 60s));
  ranks.push_back(start(1));
  std::this_thread::sleep_for(2s);  // in which rank 1 joins, unless the machine is busy
  ::kill(ranks[0], SIGSTOP);
  ranks.push_back(start(2));
  for (const int rank : {1, 2}) {
    ASSERT_TRUE(wait_until([&] { return has_ended(ranks[rank]); }, 60s));
    const Ended ended = end_of(rank_name(rank), ranks[rank]);
    EXPECT_EQ(ended.code(), 1);
    EXPECT_EQ(ended.lines(""), 1) << ended.errors;
    const bool connected = ended.errors == "fourm: rank 0, which hosts the store of the group, does not respond\n";
    EXPECT_TRUE(connected || ended.errors.find(" did not reach rank 0 at 127.0.0.1:") != std::string::npos)
        << ended.errors;
  }
}

// The launcher ends it too, and says what the others have found.
TEST_F(Recovery, AStoppedProcessOfTheLauncherIsNamed) {
  std::vector<std::string> words{"launch", "-n", "2", "--", "pretrain", (root_ / "recipe.yaml").string()};
  for (const auto& change : changes("stopped", {"training.timeout=5"})) words.push_back(change);
  const pid_t launcher = start("launcher", words);
  EXPECT_TRUE(wait_until([&] { return newest_checkpoint("stopped") > 0; }, 60s));
  for (const pid_t process : ranks_of(launcher))
    if (is_first(process)) ::kill(process, SIGSTOP);
  const Ended ended = end_of("launcher", launcher);
  EXPECT_EQ(ended.code(), 1);
  EXPECT_EQ(ended.lines("fourm:"), 1) << ended.errors;
  EXPECT_EQ(ended.last_line(), "fourm: rank 0, which hosts the store of the group, does not respond") << ended.errors;
}

// Files of the run may not become larger than its weights, as on a disk that is full.
TEST_F(Recovery, AFullDiskEndsTheRunWithTheCheckpointBefore) {
  const std::vector<std::string> launch{"launch", "-n", "2", "--", "pretrain", (root_ / "recipe.yaml").string()};
  const auto with = [&](const std::vector<std::string>& changed) {
    std::vector<std::string> words = launch;
    words.insert(words.end(), changed.begin(), changed.end());
    return words;
  };
  EXPECT_EQ(end_of("before", start("before", with(changes("run", {"training.steps=4"})))).code(), 0);
  EXPECT_GT(fs::file_size(weights_of("run")), 100000);
  std::vector<std::string> limited{"-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"", FOURM_PROGRAM};
  for (const auto& word : with(changes("run", {"training.steps=1000000"}))) limited.push_back(word);
  const Ended full = end_of("full", start("full", limited, {}, "/bin/sh"));
  EXPECT_EQ(full.code(), 1);
  EXPECT_EQ(full.lines("fourm:"), 1) << full.errors;
  EXPECT_NE(full.last_line().find("cannot be written (File too large); is the disk full?"), std::string::npos)
      << full.errors;
  EXPECT_EQ(newest_checkpoint("run"), 4);
  EXPECT_EQ(end_of("after", start("after", with(changes("run", {"training.steps=12"})))).code(), 0);
  EXPECT_EQ(end_of("whole", start("whole", with(changes("whole", {"training.steps=12"})))).code(), 0);
  EXPECT_TRUE(read_file(weights_of("run")) == read_file(weights_of("whole")));
}

// The environment variable FOURM_TORCHRUN names the program, of an environment with PyTorch.
TEST_F(Recovery, TorchrunStartsAKilledRunAgain) {
  const char* torchrun = std::getenv("FOURM_TORCHRUN");
  if (!torchrun) GTEST_SKIP() << "FOURM_TORCHRUN is not set: torchrun of an environment with PyTorch";
  const std::vector<std::string> more{"training.steps=60"};
  Random random(3, {0});
  expect_done(start_all(2, changes("whole", more), random, 0ms));
  std::vector<std::string> words{"--no-python", "--nproc-per-node", "2",        "--max-restarts",
                                 "3",           "--rdzv-backend",   "c10d",     "--rdzv-endpoint",
                                 "127.0.0.1:0", FOURM_PROGRAM,      "pretrain", (root_ / "recipe.yaml").string()};
  for (const auto& change : changes("killed", more)) words.push_back(change);
  const pid_t launcher = start("torchrun", words, {}, torchrun);
  for (const int64_t step : {kEvery, 5 * kEvery}) {
    EXPECT_TRUE(wait_until([&] { return newest_checkpoint("killed") >= step; }, 300s));
    const auto ranks = ranks_of(launcher);
    ASSERT_EQ(ranks.size(), 2);
    ::kill(ranks[static_cast<size_t>(random.below(2))], SIGKILL);
  }
  const Ended ended = end_of("torchrun", launcher);
  EXPECT_EQ(ended.code(), 0) << ended.errors;
  EXPECT_TRUE(read_file(weights_of("killed")) == read_file(weights_of("whole")));
}

}  // namespace
}  // namespace fourm
