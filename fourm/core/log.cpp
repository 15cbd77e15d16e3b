#include "fourm/core/log.h"

#include <atomic>

namespace fourm {
namespace {
std::atomic<std::shared_ptr<LogSink>> installed;
}  // namespace

std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink) { return installed.exchange(std::move(sink)); }
std::shared_ptr<LogSink> log_sink() { return installed.load(); }

double Stopwatch::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

Progress::Progress(std::string label, int64_t total, int64_t done)
    : state_{std::move(label), done, total, done, 0, ""} {}

Progress::~Progress() {
  if (const auto sink = log_sink(); sink && reported_) sink->progress_end();
}

void Progress::update(int64_t done, const std::string& detail) {
  const auto sink = log_sink();
  if (!sink) return;
  state_.done = done;
  state_.seconds = watch_.seconds();
  state_.detail = detail;
  reported_ = true;
  sink->progress(state_);
}

}  // namespace fourm
