// Notices that a process of a group has ended, stands still or has failed, and which one.
//
// A thread of each process writes a sign of life into the group's store twice a second, and reads that of the process of the
// next rank. What it finds wrong it writes into the store, where all processes read it.
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

class Watch {
 public:
  struct Place {
    int64_t rank, size;
    bool keeps_store;    ///< the store ends with this process
    std::string keeper;  ///< whose end it is when the store is gone
  };
  /// `store`: a connection that nothing else uses. `timeout` in seconds. first_sign() of all ranks are in the store.
  Watch(c10::intrusive_ptr<c10d::Store> store, const Place& place, double timeout);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  static void first_sign(c10d::Store& store, int64_t rank);

  /// An exchange begins. A process that stays behind the exchanges of another for the timeout stands still, unless it is
  /// busy.
  void count_exchange() { ++exchanges_; }
  void begin_busy() { ++busy_; }
  void end_busy() { --busy_; }

  /// What is wrong with the group, if anything is known to be. To be called about every kInterval while an exchange is
  /// waited for.
  std::optional<std::string> failure();
  /// An exchange has failed: what is wrong with the group, or `symptom` when nothing is found within seconds.
  std::string explain(const std::string& symptom);
  /// Tells the other processes that this one has failed.
  void report(const std::string& message);
  /// Returns when the others have had time to read what is wrong.
  void await_readers();

  static constexpr std::chrono::milliseconds kInterval{500};

 private:
  struct Sign {
    std::string text;  // as it was last read
    int64_t exchanges = 0;
    bool busy = false;
    int64_t unchanged = 0, behind = 0;  // looks since it changed, and since it is behind without moving
  };

  void run();
  bool look();  // false: there is nothing more to look for
  void look_at(int64_t rank, bool suspicious);
  void declare(int64_t rank, const std::string& failure);
  void conclude(const std::string& failure);
  void let_others_read();

  c10::intrusive_ptr<c10d::Store> store_;
  const Place place_;
  const int64_t patience_;  // in looks
  std::atomic<int64_t> exchanges_{0}, busy_{0}, looks_{0};
  std::vector<Sign> signs_;    // of all ranks; used by the thread alone
  int64_t asked_at_look_ = 0;  // the number of the look at which failure() was last called,
  int64_t asked_ = 0;          // and how often in the same look
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, suspicious_ = false, ended_ = false;
  bool stuck_ = false;  // the thread waits for the store
  std::optional<std::string> failure_, own_failure_;
  std::thread thread_;
};

}  // namespace fourm
