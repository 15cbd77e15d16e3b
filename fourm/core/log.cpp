#include "fourm/core/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <mutex>

#include "fourm/core/strings.h"

namespace fourm {
namespace {
std::mutex mutex;
std::atomic<bool> quiet = false;
bool line_open = false;  // a progress line stands on the terminal
}  // namespace

void set_quiet(bool value) { quiet = value; }

void log_line(const std::string& level, const std::string& text) {
  if (quiet && level.empty()) return;
  const std::lock_guard lock(mutex);
  std::fprintf(stderr, "%s%s%s\n", line_open ? "\r\033[K" : "", level.c_str(), text.c_str());
  line_open = false;
}

double Stopwatch::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

Progress::Progress(std::string label, int64_t total, int64_t done)
    : label_(std::move(label)), total_(total), first_(done) {}

Progress::~Progress() {
  if (drawn_ && isatty(STDERR_FILENO)) {
    const std::lock_guard lock(mutex);
    if (line_open) std::fputc('\n', stderr);
    line_open = false;
  }
}

void Progress::update(int64_t done, const std::string& detail) {
  const double now = watch_.seconds();
  const bool terminal = isatty(STDERR_FILENO);
  if (quiet || (done < total_ && now - shown_ < (terminal ? 0.2 : 15))) return;
  shown_ = now;
  drawn_ = true;
  constexpr double kShortest = 0.5;  // seconds of which a rate means something
  const double rate = now > kShortest ? static_cast<double>(done - first_) / now : 0;
  char share[32], speed[32];
  std::snprintf(share, sizeof share, "%.0f %%", total_ > 0 ? 100.0 * done / total_ : 100.0);
  std::snprintf(speed, sizeof speed, "%.3g/s", rate);
  std::string line = concat(label_, "  ", done, "/", total_, "  ", share);
  if (rate > 0) line += concat("  ", speed);
  if (rate > 0 && done < total_) line += concat("  ", duration((total_ - done) / rate), " left");
  if (!detail.empty()) line += "  " + detail;
  const std::lock_guard lock(mutex);
  if (terminal)
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
  else
    std::fprintf(stderr, "%s\n", line.c_str());
  line_open = terminal;
  std::fflush(stderr);
}

}  // namespace fourm
