// Several processes of a group as threads of a test.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "fourm/dist/process_group.h"

namespace fourm::test {

/// A port that nothing listens on.
inline int free_port() {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  EXPECT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  ::close(listener);
  return ntohs(address.sin_port);
}

/// Whether a program of this machine listens on the port.
inline bool listens(int port) {
  const int client = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool connected = ::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(client);
  return connected;
}

/// What the ranks of a group threw, "" for those that did not.
using RankErrors = std::vector<std::string>;

/// Runs body(group) as each rank of a group of `size`, in a thread of its own. `change` may change the config of a rank.
inline RankErrors errors_in_ranks(int64_t size, const std::function<void(const ProcessGroup&)>& body,
                                  const std::function<void(ProcessGroupConfig&)>& change = {}) {
  // MKL selects its vector functions in the first call of one, and two threads that do so at once may use different ones.
  at::exp(at::zeros({8}));
  const int port = free_port();
  RankErrors errors(size);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      ProcessGroupConfig config;
      config.rank = config.local_rank = rank;
      config.world_size = config.local_world_size = size;
      config.master_port = port;
      try {
        if (change) change(config);
        ProcessGroup group(config);
        try {
          body(group);
          group.shutdown();
        } catch (const GroupError&) {
          throw;
        } catch (const std::exception& error) {
          group.report_failure(error.what());
          throw;
        }
      } catch (const std::exception& error) {
        errors[rank] = error.what();
      }
    });
  for (auto& thread : threads) thread.join();
  return errors;
}

/// The same where no rank should fail. `on_machine`: ranks of a machine, where there are several; 0: all.
inline void in_ranks(int64_t size, const std::function<void(const ProcessGroup&)>& body, int64_t on_machine = 0) {
  const RankErrors errors = errors_in_ranks(size, body, [&](ProcessGroupConfig& config) {
    if (on_machine == 0) return;
    config.local_rank = config.rank % on_machine;
    config.local_world_size = on_machine;
    config.network_interface = "lo";
  });
  for (int64_t rank = 0; rank < size; ++rank) EXPECT_EQ(errors[rank], "") << "rank " << rank << " of " << size;
}

}  // namespace fourm::test
