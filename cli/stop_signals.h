// Signals on which a training saves and stops.
#pragma once

#include <array>
#include <atomic>
#include <csignal>

namespace fourm {

/// While it lives, SIGINT (Ctrl-C), SIGTERM, SIGHUP (a closed terminal) and SIGUSR1 (a batch system's warning) make
/// requested() true; a second signal of the same kind has its usual effect. SIGHUP stays ignored where it is (nohup).
/// One at a time.
class StopSignals {
 public:
  StopSignals() {
    requested_ = false;
    struct sigaction action {};
    action.sa_handler = [](int) { requested_ = true; };
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

 private:
  static constexpr std::array<int, 4> kSignals{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  inline static std::atomic<bool> requested_{false};  // lock-free, so a handler may set it
  std::array<struct sigaction, 4> before_{};
};

}  // namespace fourm
