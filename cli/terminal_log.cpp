#include "cli/terminal_log.h"

#include <unistd.h>

#include <cstdio>

#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::string progress_line(const ProgressState& state) {
  constexpr double kShortest = 0.5;  // seconds of which a rate means something
  const double rate = state.seconds > kShortest ? static_cast<double>(state.done - state.skipped) / state.seconds : 0;
  const auto done = static_cast<double>(state.done), total = static_cast<double>(state.total);
  char share[32], speed[32];
  std::snprintf(share, sizeof share, "%.0f %%", state.total > 0 ? 100 * done / total : 100.0);
  std::snprintf(speed, sizeof speed, "%.3g/s", rate);
  std::string line = concat(state.label, "  ", state.done, "/", state.total, "  ", share);
  if (rate > 0) line += concat("  ", speed);
  if (rate > 0 && state.done < state.total) line += concat("  ", duration((total - done) / rate), " left");
  if (!state.detail.empty()) line += "  " + state.detail;
  return line;
}

}  // namespace

void TerminalLog::note(const std::string& text) { print_line(text); }
void TerminalLog::warning(const std::string& text) { print_line("warning: " + text); }

void TerminalLog::print_line(const std::string& text) {
  const std::lock_guard lock(mutex_);
  std::fprintf(stderr, "%s%s\n", line_open_ ? "\r\033[K" : "", text.c_str());
  line_open_ = false;
}

void TerminalLog::progress(const ProgressState& state) {
  const std::lock_guard lock(mutex_);
  const bool terminal = isatty(STDERR_FILENO);
  const double interval = terminal ? 0.2 : 15;  // seconds between two reports
  if (state.seconds < shown_) shown_ = -1e9;    // another operation
  if (state.done < state.total && state.seconds - shown_ < interval) return;
  shown_ = state.seconds;
  std::fprintf(stderr, terminal ? "\r\033[K%s" : "%s\n", progress_line(state).c_str());
  line_open_ = terminal;
  std::fflush(stderr);
}

void TerminalLog::progress_end() {
  const std::lock_guard lock(mutex_);
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
  shown_ = -1e9;
}

}  // namespace fourm
