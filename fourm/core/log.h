// What a person sees on stderr: notes, warnings and one progress line. Results go to stdout.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "fourm/core/error.h"

namespace fourm {

void log_line(const std::string& level, const std::string& text);

template <class... Parts>
void note(Parts&&... parts) {
  log_line("", concat(std::forward<Parts>(parts)...));
}
template <class... Parts>
void warn(Parts&&... parts) {
  log_line("warning: ", concat(std::forward<Parts>(parts)...));
}

/// No notes and no progress (warnings stay). May be called while other threads write.
void set_quiet(bool quiet);

/// Seconds since construction.
class Stopwatch {
 public:
  double seconds() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// "label  120/1000  12 %  8.1/s  1:48 left  detail": rewritten in place on a terminal, a line now and then elsewhere.
class Progress {
 public:
  Progress(std::string label, int64_t total, int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(int64_t done, const std::string& detail = "");
  /// As many items were done before, so that they do not count in the rate.
  void skip(int64_t count = 1) { first_ += count; }

 private:
  std::string label_;
  int64_t total_, first_;
  Stopwatch watch_;
  double shown_ = -1e9;
  bool drawn_ = false;
};

}  // namespace fourm
