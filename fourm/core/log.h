// What the library reports while it works: notes, warnings and progress. They go to the sink that the program installs;
// without one they are discarded.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "fourm/core/error.h"

namespace fourm {

/// How far a long operation is.
struct ProgressState {
  std::string label;
  int64_t done = 0, total = 0;
  int64_t skipped = 0;  ///< items of `done` that took no time: finished by an earlier run
  double seconds = 0;   ///< since the operation began
  std::string detail;
};

/// Receives reports. Several threads may call it at once.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void note(const std::string& text) = 0;
  virtual void warning(const std::string& text) = 0;
  virtual void progress(const ProgressState&) {}
  /// An operation that has reported progress has ended.
  virtual void progress_end() {}
};

/// Installs `sink` for the whole process; null discards reports. Returns the sink before it.
std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink);
/// The installed sink, or null.
std::shared_ptr<LogSink> log_sink();

template <class... Parts>
void note(Parts&&... parts) {
  if (const auto sink = log_sink()) sink->note(concat(std::forward<Parts>(parts)...));
}
template <class... Parts>
void warn(Parts&&... parts) {
  if (const auto sink = log_sink()) sink->warning(concat(std::forward<Parts>(parts)...));
}

/// Seconds since construction.
class Stopwatch {
 public:
  double seconds() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Reports the progress of one operation.
class Progress {
 public:
  Progress(std::string label, int64_t total, int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(int64_t done, const std::string& detail = "");
  /// As many items were done before, so that they do not count in the rate.
  void skip(int64_t count = 1) { state_.skipped += count; }

 private:
  ProgressState state_;
  Stopwatch watch_;
  bool reported_ = false;
};

}  // namespace fourm
