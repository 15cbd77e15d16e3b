// fourm monitor RUN
#include <chrono>
#include <iostream>
#include <thread>

#include "cli/stop_signals.h"
#include "cli/verbs.h"
#include "fourm/train/monitor.h"

namespace fourm {

void add_monitor(CLI::App& program) {
  struct Options {
    std::string run, out;
    int every = 0;
  };
  auto options = std::make_shared<Options>();
  auto* verb = program.add_subcommand("monitor", "Write one HTML page of a training run: losses, speed, samples");
  verb->add_option("RUN", options->run, "folder of a training run")->required();
  verb->add_option("--out", options->out, "the page; default: RUN/monitor.html");
  verb->add_option("--every", options->every,
                   "write it again after so many seconds, until the run is finished or Ctrl-C; browsers then load it "
                   "again too; 0 = once")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  verb->footer(
      "Examples:\n"
      "  fourm monitor runs/rooms/pretrain\n"
      "  fourm monitor runs/rooms/pretrain --every 30 --out page.html");
  verb->callback([options] {
    const fs::path out = options->out.empty() ? fs::path(options->run) / "monitor.html" : fs::path(options->out);
    const StopSignals signals;
    for (bool first = true;; first = false) {
      const RunPage page = run_page(options->run, options->every);
      write_file(out, page.html);
      if (first) std::cout << out.string() << std::endl;
      if (options->every == 0 || page.finished) return;
      for (int tenths = 0; tenths < 10 * options->every; ++tenths) {
        if (StopSignals::requested()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    }
  });
}

}  // namespace fourm
