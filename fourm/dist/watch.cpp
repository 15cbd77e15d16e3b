#include "fourm/dist/watch.h"

#include <algorithm>
#include <sstream>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr int64_t kGone = 6;        // looks without a sign after an exchange has failed
constexpr int64_t kExplained = 16;  // looks within which a failed exchange is explained
constexpr int64_t kReading = 6;     // looks that the others have to read what is wrong
// Of the timeout, so that all have ended when it is over.
constexpr double kShare = 0.8;
const char* const kFailure = "failure";

std::string sign_key(int64_t rank) { return concat("sign/", rank); }
std::string seen_key(int64_t rank) { return concat("seen/", rank); }

}  // namespace

Watch::Watch(c10::intrusive_ptr<c10d::Store> store, const Place& place, double timeout)
    : store_(std::move(store)),
      place_(place),
      patience_(std::max<int64_t>(kGone, static_cast<int64_t>(timeout * kShare * 1000) / kInterval.count())),
      signs_(place.size),
      thread_([this] { run(); }) {}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watch::first_sign(c10d::Store& store, int64_t rank) { store.set(sign_key(rank), std::string("0 0 0")); }

std::optional<std::string> Watch::failure() {
  const std::lock_guard lock(mutex_);
  if (failure_) return failure_;
  // The thread of this process waits for a store that does not answer.
  asked_ = looks_ == asked_at_look_ ? asked_ + 1 : 0;
  asked_at_look_ = looks_;
  if (asked_ > patience_) {
    stuck_ = true;
    failure_ = place_.keeper + " does not answer";
  }
  return failure_;
}

std::string Watch::explain(const std::string& symptom) {
  std::unique_lock lock(mutex_);
  suspicious_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, kExplained * kInterval, [&] { return failure_.has_value(); });
  if (!failure_) failure_ = symptom;
  return *failure_;
}

void Watch::report(const std::string& message) {
  const std::lock_guard lock(mutex_);
  if (failure_) return;
  own_failure_ = concat("rank ", place_.rank, ": ", message);
  changed_.notify_all();
}

void Watch::await_readers() {
  std::unique_lock lock(mutex_);
  if (stuck_) return;
  changed_.wait_for(lock, (kReading + 2) * kInterval, [&] { return ended_; });
}

void Watch::run() {
  bool more = true;
  while (more) {
    try {
      more = look();
    } catch (const std::exception&) {
      conclude(place_.keeper + " has ended");
      more = false;
    }
    ++looks_;
    std::unique_lock lock(mutex_);
    if (more) changed_.wait_for(lock, kInterval, [&] { return stopping_ || (own_failure_ && !failure_); });
    more = more && !stopping_;
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

bool Watch::look() {
  store_->set(sign_key(place_.rank), concat(looks_ + 1, " ", exchanges_, " ", busy_ > 0));
  std::optional<std::string> own;
  bool suspicious = false;
  {
    const std::lock_guard lock(mutex_);
    own = own_failure_;
    suspicious = suspicious_;
  }
  if (own) store_->compareSet(kFailure, "", *own);
  if (store_->check({kFailure})) {
    conclude(store_->get_to_str(kFailure));
    let_others_read();
    return false;
  }
  if (!suspicious) look_at((place_.rank + 1) % place_.size, false);
  for (int64_t rank = 0; suspicious && rank < place_.size; ++rank)
    if (rank != place_.rank) look_at(rank, true);
  return true;
}

void Watch::look_at(int64_t rank, bool suspicious) {
  Sign& sign = signs_[rank];
  const std::string text = store_->get_to_str(sign_key(rank));
  const int64_t before = sign.exchanges;
  sign.unchanged = text == sign.text ? sign.unchanged + 1 : 0;
  sign.text = text;
  int64_t looks = 0;
  std::istringstream(text) >> looks >> sign.exchanges >> sign.busy;
  sign.behind = sign.exchanges < exchanges_ && sign.exchanges == before && !sign.busy ? sign.behind + 1 : 0;
  if (suspicious && sign.unchanged >= kGone)
    declare(rank, concat("rank ", rank, " has ended or does not answer"));
  else if (sign.unchanged > patience_)
    declare(rank, concat("rank ", rank, " gives no sign of life"));
  else if (sign.behind > patience_)
    declare(rank, concat("rank ", rank, " stands still, and the others wait for it"));
}

// The first process that finds something wrong says what.
void Watch::declare(int64_t rank, const std::string& failure) {
  store_->set(seen_key(rank), std::string());  // it will not read it
  store_->compareSet(kFailure, "", failure);
}

void Watch::conclude(const std::string& failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = failure;
  changed_.notify_all();
}

void Watch::let_others_read() {
  store_->set(seen_key(place_.rank), std::string());
  if (!place_.keeps_store) return;
  for (int64_t look = 0; look < kReading; ++look) {
    bool all = true;
    for (int64_t rank = 0; rank < place_.size && all; ++rank) all = store_->check({seen_key(rank)});
    if (all) return;
    std::this_thread::sleep_for(kInterval);
  }
}

}  // namespace fourm
