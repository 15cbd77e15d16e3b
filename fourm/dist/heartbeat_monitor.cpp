#include "fourm/dist/heartbeat_monitor.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr double kMaxSecondsAfterFailure = 3;  // without a heartbeat after a collective operation has failed
constexpr int64_t kMaxExplainPolls = 16;       // within which a failed collective operation is explained
constexpr int64_t kMaxReaderPolls = 6;         // within which the others read a failure
// Of the timeout, so that all have ended when it is over.
constexpr double kShareOfTimeout = 0.8;
const char* const kFailureKey = "failure";

std::string heartbeat_key(int64_t rank) { return concat("heartbeat/", rank); }
std::string read_key(int64_t rank) { return concat("failure_read/", rank); }

}  // namespace

// Two seconds at most: a process that was stopped itself must not blame the others for its own pause.
double HeartbeatMonitor::Stopwatch::lap() {
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> elapsed = now - std::exchange(last_, now);
  return std::min(elapsed.count(), 2.0);
}

HeartbeatMonitor::HeartbeatMonitor(c10::intrusive_ptr<c10d::Store> store, const Member& member, double timeout)
    : store_(std::move(store)),
      member_(member),
      max_silence_(std::max(kMaxSecondsAfterFailure, timeout * kShareOfTimeout)),
      heartbeats_(member.size),
      thread_([this] { run(); }) {}

HeartbeatMonitor::~HeartbeatMonitor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void HeartbeatMonitor::write_first_heartbeat(c10d::Store& store, int64_t rank) {
  store.set(heartbeat_key(rank), std::string("0 0 0"));
}

std::optional<std::string> HeartbeatMonitor::failure() {
  const std::lock_guard lock(mutex_);
  if (failure_) return failure_;
  // Without polls, the thread of this process waits for a store that does not respond.
  const double elapsed = since_asked_.lap();
  waited_for_poll_ = polls_ == polls_when_asked_ ? waited_for_poll_ + elapsed : 0;
  polls_when_asked_ = polls_;
  if (waited_for_poll_ > max_silence_) {
    store_blocked_ = true;
    failure_ = member_.store_host + " does not respond";
  }
  return failure_;
}

std::string HeartbeatMonitor::explain_failure(const std::string& symptom) {
  std::unique_lock lock(mutex_);
  check_all_ranks_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, kMaxExplainPolls * kInterval, [&] { return failure_.has_value(); });
  if (!failure_) failure_ = own_failure_ = symptom;
  return *failure_;
}

void HeartbeatMonitor::report_failure(const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (failure_) return;
  own_failure_ = concat("rank ", member_.rank, ": ", message);
  changed_.notify_all();
}

void HeartbeatMonitor::wait_until_reported() {
  std::unique_lock lock(mutex_);
  if (store_blocked_) return;
  changed_.wait_for(lock, (kMaxReaderPolls + 2) * kInterval, [&] { return ended_; });
}

void HeartbeatMonitor::run() {
  bool more = true;
  while (more) {
    try {
      more = poll();
    } catch (const std::exception&) {
      record_failure(member_.store_host + " has ended");
      more = false;
    }
    ++polls_;
    std::unique_lock lock(mutex_);
    if (more) changed_.wait_for(lock, kInterval, [&] { return stopping_ || (own_failure_ && !failure_); });
    more = more && !stopping_;
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

bool HeartbeatMonitor::poll() {
  store_->set(heartbeat_key(member_.rank), concat(polls_ + 1, " ", collectives_, " ", busy_ > 0));
  std::optional<std::string> own;
  bool check_all = false;
  {
    const std::lock_guard lock(mutex_);
    own = own_failure_;
    check_all = check_all_ranks_;
  }
  if (own) store_->compareSet(kFailureKey, "", *own);
  if (store_->check({kFailureKey})) {
    record_failure(store_->get_to_str(kFailureKey));
    wait_for_readers();
    return false;
  }
  const double elapsed = since_poll_.lap();
  if (!check_all) check_rank((member_.rank + 1) % member_.size, elapsed, false);
  for (int64_t rank = 0; check_all && rank < member_.size; ++rank)
    if (rank != member_.rank) check_rank(rank, elapsed, true);
  return true;
}

void HeartbeatMonitor::check_rank(int64_t rank, double elapsed, bool after_failure) {
  Heartbeat& heartbeat = heartbeats_[rank];
  const std::string text = store_->get_to_str(heartbeat_key(rank));
  const int64_t before = heartbeat.collectives;
  heartbeat.unchanged = text == heartbeat.text ? heartbeat.unchanged + elapsed : 0;
  heartbeat.text = text;
  int64_t polls = 0;
  std::istringstream(text) >> polls >> heartbeat.collectives >> heartbeat.busy;
  const bool is_behind = heartbeat.collectives < collectives_ && heartbeat.collectives == before && !heartbeat.busy;
  heartbeat.behind = is_behind ? heartbeat.behind + elapsed : 0;
  if (after_failure && heartbeat.unchanged >= kMaxSecondsAfterFailure)
    publish_failure(rank, concat("rank ", rank, " has exited or does not respond"));
  else if (heartbeat.unchanged > max_silence_)
    publish_failure(rank, concat("rank ", rank, " does not respond"));
  else if (heartbeat.behind > max_silence_)
    publish_failure(rank, concat("rank ", rank, " makes no progress, and the others wait for it"));
}

// The first failure that is published counts.
void HeartbeatMonitor::publish_failure(int64_t rank, const std::string& failure) {
  store_->set(read_key(rank), std::string());  // it will not read it
  store_->compareSet(kFailureKey, "", failure);
}

void HeartbeatMonitor::record_failure(const std::string& failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = failure;
  changed_.notify_all();
}

// The host of the store stays until all have read the failure.
void HeartbeatMonitor::wait_for_readers() {
  store_->set(read_key(member_.rank), std::string());
  if (!member_.hosts_store) return;
  for (int64_t polls = 0; polls < kMaxReaderPolls; ++polls) {
    bool all = true;
    for (int64_t rank = 0; rank < member_.size && all; ++rank) all = store_->check({read_key(rank)});
    if (all) return;
    std::this_thread::sleep_for(kInterval);
  }
}

}  // namespace fourm
