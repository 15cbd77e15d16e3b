// Signals on which a training saves and stops.
#pragma once

#include <array>
#include <atomic>
#include <csignal>

#include "fourm/core/error.h"

namespace fourm {

/// A batch system stops the run, which is saved. The exit code requests that the system starts it again.
class RequeueError : public Error {
 public:
  using Error::Error;
  static constexpr int kExitCode = 75;  // EX_TEMPFAIL of sysexits.h
};

/// During its lifetime SIGINT (Ctrl-C), SIGTERM, SIGHUP (a closed terminal) and SIGUSR1 (a batch system's warning) make
/// requested() true; a second signal of the same kind has its usual effect. SIGHUP stays ignored where it is (nohup).
/// One at a time.
class StopSignals {
 public:
  StopSignals() {
    requested_ = requeue_ = false;
    struct sigaction action {};
    action.sa_handler = [](int signal) {
      if (signal == SIGUSR1) requeue_ = true;
      requested_ = true;
    };
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    for (size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &action, &before_[i]);
      if (kSignals[i] == SIGHUP && before_[i].sa_handler == SIG_IGN) sigaction(SIGHUP, &before_[i], nullptr);
    }
  }
  ~StopSignals() {
    for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static bool requested() { return requested_; }
  /// Whether SIGUSR1 was among the signals.
  static bool requeue() { return requeue_; }

 private:
  static constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  inline static std::atomic<bool> requested_{false}, requeue_{false};  // lock-free, so a handler may set them
  std::array<struct sigaction, 4> before_{};
};

}  // namespace fourm
