// What the library reports, kept as text.
#pragma once

#include <mutex>
#include <string>

#include "fourm/core/log.h"

namespace fourm::test {

/// While it lives, notes and warnings are kept instead of going to the sink before. One line each.
class CapturedLog {
 public:
  CapturedLog() : sink_(std::make_shared<Sink>()), before_(set_log_sink(sink_)) {}
  ~CapturedLog() { set_log_sink(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  /// Notes, and warnings that begin with "warning: ".
  std::string text() const { return sink_->read(sink_->all); }
  /// The warnings alone.
  std::string warnings() const { return sink_->read(sink_->warnings); }

 private:
  struct Sink : LogSink {
    void note(const std::string& text) override { add(text, false); }
    void warning(const std::string& text) override { add("warning: " + text, true); }
    void add(const std::string& line, bool warning) {
      const std::lock_guard lock(mutex);
      all += line + "\n";
      if (warning) warnings += line + "\n";
    }
    std::string read(const std::string& kept) {
      const std::lock_guard lock(mutex);
      return kept;
    }
    std::mutex mutex;
    std::string all, warnings;
  };

  std::shared_ptr<Sink> sink_;
  std::shared_ptr<LogSink> before_;
};

}  // namespace fourm::test
