#include "fourm/core/log.h"

#include <mutex>

namespace fourm {
namespace {
// Not std::atomic<std::shared_ptr>: in GCC 12 its load and exchange are a data race.
std::mutex mutex;
std::shared_ptr<LogSink> installed;
}  // namespace

std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink) {
  const std::lock_guard lock(mutex);
  installed.swap(sink);
  return sink;
}

std::shared_ptr<LogSink> log_sink() {
  const std::lock_guard lock(mutex);
  return installed;
}

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
