// Detects a process of a group that has ended, stopped responding or failed, and tells all others which one.
//
// A thread of each process writes a heartbeat into the group's store twice a second, and reads the heartbeat of the process of
// the next rank. A failure that it finds is written into the store, where all processes read it.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace fourm {

class HeartbeatMonitor {
 public:
  /// The process in its group.
  struct Member {
    int64_t rank, size;
    bool hosts_store;        ///< the store ends with this process
    std::string store_host;  ///< which process has failed when the store cannot be reached
  };
  /// `store`: a connection that nothing else uses. `timeout` in seconds. All ranks have written their first heartbeat.
  HeartbeatMonitor(c10::intrusive_ptr<c10d::Store> store, const Member& member, double timeout);
  ~HeartbeatMonitor();
  HeartbeatMonitor(const HeartbeatMonitor&) = delete;
  HeartbeatMonitor& operator=(const HeartbeatMonitor&) = delete;

  static void write_first_heartbeat(c10d::Store& store, int64_t rank);

  /// A collective operation begins. A process that has begun fewer than another for the timeout has failed, unless it is
  /// busy.
  void count_collective() { ++collectives_; }
  void begin_busy() { ++busy_; }
  void end_busy() { --busy_; }

  /// The failure of the group, if one is known. To be called about every kInterval while a collective operation is waited
  /// for.
  std::optional<std::string> failure();
  /// A collective operation has failed: the failure of the group. When none is found within seconds, it is `symptom`, which names
  /// this rank, for the other processes too.
  std::string explain_failure(const std::string& symptom);
  /// Tells the other processes that this one has failed.
  void report_failure(const std::string& message);
  /// Returns when the others have had time to read the failure.
  void wait_until_reported();

  static constexpr std::chrono::milliseconds kInterval{500};

 private:
  struct Heartbeat {
    std::string text;  // as it was last read
    int64_t collectives = 0;
    bool busy = false;
    double unchanged = 0, behind = 0;  // seconds since it changed, and since it is behind without progress
  };
  class Stopwatch {
   public:
    double lap();  // seconds since the last lap, at most two

   private:
    std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  };

  void run();
  bool poll();  // false: a failure is known
  void check_rank(int64_t rank, double elapsed, bool after_failure);
  void publish_failure(int64_t rank, const std::string& failure);
  void record_failure(const std::string& failure);
  void wait_for_readers();

  c10::intrusive_ptr<c10d::Store> store_;
  const Member member_;
  const double max_silence_;  // seconds
  std::atomic<int64_t> collectives_{0}, busy_{0}, polls_{0};
  std::vector<Heartbeat> heartbeats_;  // of all ranks; used by the thread alone
  Stopwatch since_poll_;               // used by the thread alone
  int64_t polls_when_asked_ = 0;       // polls at the last call of failure(),
  double waited_for_poll_ = 0;         // seconds of its calls since that poll
  Stopwatch since_asked_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, check_all_ranks_ = false, ended_ = false;
  bool store_blocked_ = false;  // the thread waits for the store
  std::optional<std::string> failure_, own_failure_;
  std::thread thread_;
};

}  // namespace fourm
