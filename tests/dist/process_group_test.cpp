#include "fourm/dist/process_group.h"

#include <gtest/gtest.h>

#include <atomic>

#include "fourm/core/tensor.h"
#include "tests/support/message_of.h"
#include "tests/support/ranks.h"

namespace fourm {
namespace {

using test::errors_in_ranks;
using test::in_ranks;

TEST(ProcessGroup, OneProcessKeepsWhatItHas) {
  ProcessGroup group;
  EXPECT_EQ(group.rank(), 0);
  EXPECT_EQ(group.size(), 1);
  const Tensor x = at::arange(3);
  group.all_reduce(x);
  group.all_reduce_max(x);
  group.broadcast_async(x, 0).wait();
  EXPECT_TRUE(x.equal(at::arange(3)));
  EXPECT_EQ(group.all_reduce({1.5, 2}), (std::vector<double>{1.5, 2}));
  EXPECT_EQ(group.all_gather("text"), std::vector<std::string>{"text"});
  EXPECT_TRUE(group.any(true));
  EXPECT_FALSE(group.any(false));
  EXPECT_EQ(group.begin(7), 0);
  EXPECT_EQ(group.end(7), 7);
  group.check_same("recipe", "a");
  group.barrier();
  group.shutdown();
}

TEST(ProcessGroup, CollectivesAreThoseOfAllProcesses) {
  for (const int64_t size : {2, 3, 4})
    in_ranks(size, [&](const ProcessGroup& group) {
      ASSERT_EQ(group.size(), size);
      const int64_t rank = group.rank(), ranks = size * (size - 1) / 2;
      for (const auto type : {at::kFloat, at::kDouble, at::kLong}) {
        const Tensor x = at::arange(5, type) + rank;
        group.all_reduce(x);
        EXPECT_TRUE(x.equal(at::arange(5, type) * size + ranks)) << type;
      }
      const Tensor most = at::full({2}, rank, at::kLong);
      group.all_reduce_max(most);
      EXPECT_TRUE(most.equal(at::full({2}, size - 1, at::kLong)));
      for (int64_t owner = 0; owner < size; ++owner) {
        const Tensor x = at::full({4}, rank + 1, at::kFloat);
        group.reduce_async(x, owner).wait();
        if (rank == owner) {
          EXPECT_TRUE(x.equal(at::full({4}, ranks + size, at::kFloat)));
        }
        const Tensor sent = at::full({3}, rank, at::kLong);
        group.broadcast_async(sent, owner).wait();
        EXPECT_TRUE(sent.equal(at::full({3}, owner, at::kLong)));
      }
      EXPECT_EQ(group.all_reduce({0.5, static_cast<double>(rank)}),
                (std::vector<double>{0.5 * static_cast<double>(size), static_cast<double>(ranks)}));
      EXPECT_TRUE(group.any(rank == size - 1));
      EXPECT_FALSE(group.any(false));
      std::vector<std::string> texts;
      for (int64_t r = 0; r < size; ++r) texts.push_back(std::string(r, 'x'));
      EXPECT_EQ(group.all_gather(texts[rank]), texts);
      group.check_same("recipe", "batch: 8\nseed: 1");
    });
}

TEST(ProcessGroup, PartsCoverTheWhole) {
  in_ranks(4, [&](const ProcessGroup& group) {
    for (const int64_t n : {0, 1, 3, 4, 10, 64}) {
      const auto sum =
          group.all_reduce({static_cast<double>(group.end(n) - group.begin(n)), group.begin(n) == 0 ? 1.0 : 0.0});
      EXPECT_EQ(sum[0], static_cast<double>(n));
      EXPECT_GE(sum[1], 1);
      EXPECT_LE(group.end(n) - group.begin(n), (n + 3) / 4);
    }
  });
}

TEST(ProcessGroup, SumsInTheBackgroundKeepTheirOrder) {
  in_ranks(2, [](const ProcessGroup& group) {
    std::vector<Tensor> tensors;
    std::vector<ProcessGroup::Work> works;
    for (int i = 0; i < 20; ++i) {
      tensors.push_back(at::full({1000 * (20 - i)}, i + group.rank(), at::kFloat));
      works.push_back(group.all_reduce_async(tensors.back()));
    }
    for (auto& work : works) work.wait();
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(tensors[i].equal(at::full_like(tensors[i], 2 * i + 1))) << i;
  });
}

TEST(ProcessGroup, ADifferentRecipeIsNamed) {
  const auto errors = errors_in_ranks(3, [](const ProcessGroup& group) {
    group.check_same("recipe", group.rank() == 2 ? "seed: 1\nbatch: 16" : "seed: 1\nbatch: 8");
  });
  for (const auto& error : errors)
    EXPECT_EQ(error, "rank 2 has another recipe than rank 0: 'batch: 16' instead of 'batch: 8'");
}

TEST(ProcessGroup, ADifferentBuildIsNamed) {
  const auto errors = errors_in_ranks(
      2, [](const ProcessGroup&) { ADD_FAILURE() << "the group should not form"; },
      [](ProcessGroupConfig& config) { config.build = config.rank == 1 ? "fourm 2" : "fourm 1"; });
  EXPECT_EQ(errors[0], "rank 1 runs another build of the program than rank 0");
  EXPECT_EQ(errors[1], "rank 0 runs another build of the program than rank 1");
}

TEST(ProcessGroup, TheSameLocalRankIsNamed) {
  const auto errors = errors_in_ranks(
      2, [](const ProcessGroup&) { ADD_FAILURE() << "the group should not form"; },
      [](ProcessGroupConfig& config) { config.local_rank = 0; });
  for (const auto& error : errors) EXPECT_EQ(error, "ranks 0 and 1 have the same local rank (LOCAL_RANK)");
}

TEST(ProcessGroup, AMachineOrNetworkThatIsNotThereIsNamed) {
  const auto failure = [](const std::function<void(ProcessGroupConfig&)>& change) {
    ProcessGroupConfig config;
    config.rank = config.local_rank = config.master_port = 1;
    config.world_size = config.local_world_size = 2;
    change(config);
    return test::message_of([&] { const ProcessGroup group(config); });
  };
  EXPECT_NE(
      failure([](auto& c) { c.master_addr = "no.such.host.invalid"; }).find("'no.such.host.invalid' (MASTER_ADDR)"),
      std::string::npos);
  EXPECT_EQ(failure([](auto& c) { c.network_interface = "nope0"; }),
            "this machine has no network interface 'nope0' (GLOO_SOCKET_IFNAME)");
}

TEST(ProcessGroup, AMissingProcessIsNamed) {
  for (const int64_t missing : {0, 2}) {
    const auto errors = errors_in_ranks(
        3, [](const ProcessGroup&) { ADD_FAILURE() << "the group should not form"; },
        [&](ProcessGroupConfig& config) {
          config.timeout = 2;
          if (config.rank == missing) throw Error("does not start");
        });
    const std::string expected =
        missing == 0 ? "did not reach rank 0 at 127.0.0.1:" : "rank 2 of 3 did not join within 2 s";
    for (int64_t rank = 0; rank < 3; ++rank)
      if (rank != missing) {
        EXPECT_NE(errors[rank].find(expected), std::string::npos) << errors[rank];
      }
  }
}

TEST(ProcessGroup, TwoProcessesOfOneRankAreAnError) {
  const auto errors = errors_in_ranks(
      3, [](const ProcessGroup&) { ADD_FAILURE() << "the group should not form"; },
      [](ProcessGroupConfig& config) {
        config.timeout = 8;
        if (config.rank == 2) config.rank = 1;
      });
  EXPECT_NE((errors[1] + errors[2]).find("two processes have the rank 1 of 3"), std::string::npos)
      << errors[1] << errors[2];
}

// Why a process has failed is what the others say, whether they wait for it or not yet.
TEST(ProcessGroup, AFailureReachesTheOthers) {
  for (const int64_t failing : {0, 1, 3}) {
    const auto errors = errors_in_ranks(4, [&](const ProcessGroup& group) {
      group.barrier();
      if (group.rank() == failing) fail("data.tar: is cut");
      while (true) group.barrier();
    });
    for (int64_t rank = 0; rank < 4; ++rank)
      EXPECT_EQ(errors[rank],
                rank == failing ? "data.tar: is cut" : "rank " + std::to_string(failing) + ": data.tar: is cut");
  }
}

// A process that is alive but takes part in nothing.
TEST(ProcessGroup, AProcessWithoutProgressIsNamed) {
  std::atomic<int> named{0};
  const auto errors = errors_in_ranks(
      3,
      [&](const ProcessGroup& group) {
        group.barrier();
        if (group.rank() == 1)
          while (named < 2) std::this_thread::yield();
        try {
          group.barrier();
        } catch (const GroupError&) {
          ++named;
          throw;
        }
      },
      [](ProcessGroupConfig& config) { config.timeout = 8; });
  EXPECT_EQ(errors[0], "rank 1 makes no progress, and the others wait for it");
  EXPECT_EQ(errors[2], errors[0]);
}

TEST(ProcessGroup, MachinesOfSeveralProcessesAreGroups) {
  test::in_ranks(
      6,
      [](const ProcessGroup& group) {
        const ProcessGroup machine = group.on_machine(), across = group.across_machines();
        EXPECT_EQ(machine.size(), 3);
        EXPECT_EQ(machine.rank(), group.rank() % 3);
        EXPECT_EQ(across.size(), 2);
        EXPECT_EQ(across.rank(), group.rank() / 3);
        const auto rank = static_cast<double>(group.rank());
        EXPECT_EQ(machine.all_reduce(std::vector<double>{rank})[0], group.rank() < 3 ? 3 : 12);
        EXPECT_EQ(across.all_reduce(std::vector<double>{rank})[0], 2 * (group.rank() % 3) + 3);
        if (group.rank() == 4) {
          EXPECT_EQ(across.all_gather("x").size(), 2U);
        }
        if (group.rank() == 1) {
          EXPECT_EQ(across.all_gather("yz")[1], "x");
        }
        group.barrier();
      },
      3);
}

TEST(ProcessGroup, OneMachineAndMachinesOfOneProcessAreOneGroup) {
  for (const int64_t on_machine : {0, 1})
    test::in_ranks(
        2,
        [](const ProcessGroup& group) {
          EXPECT_EQ(group.on_machine().size(), 2);
          EXPECT_EQ(group.on_machine().rank(), group.rank());
          EXPECT_EQ(group.across_machines().size(), 1);
        },
        on_machine);
  EXPECT_EQ(ProcessGroup().on_machine().size(), 1);
}

TEST(ProcessGroup, UnequalMachinesAreOneGroup) {
  const auto errors = test::errors_in_ranks(
      3, [](const ProcessGroup& group) { EXPECT_EQ(group.on_machine().size(), 3); },
      [](ProcessGroupConfig& config) {
        config.local_rank = config.rank % 2;
        config.local_world_size = config.rank < 2 ? 2 : 1;
        config.network_interface = "lo";
      });
  for (const auto& error : errors) EXPECT_EQ(error, "");
}

}  // namespace
}  // namespace fourm
