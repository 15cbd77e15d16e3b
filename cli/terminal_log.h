// Notes, warnings and progress on standard error.
#pragma once

#include <mutex>

#include "fourm/core/log.h"

namespace fourm {

/// Progress looks like "label  120/1000  12 %  8.1/s  1:48 left  detail". A terminal shows it in place; elsewhere it is a
/// line now and then.
class TerminalLog : public LogSink {
 public:
  void note(const std::string& text) override;
  void warning(const std::string& text) override;
  void progress(const ProgressState& state) override;
  void progress_end() override;

 private:
  void print_line(const std::string& text);

  std::mutex mutex_;
  bool line_open_ = false;  // a progress line stands on the terminal
  double shown_ = -1e9;     // when the last progress was shown, in seconds of the operation
};

/// Warnings only: for --quiet.
class QuietTerminalLog : public TerminalLog {
 public:
  void note(const std::string&) override {}
  void progress(const ProgressState&) override {}
};

}  // namespace fourm
