// fourm monitor RUN
#include <httplib.h>

#include <chrono>
#include <future>
#include <iostream>
#include <thread>

#include "cli/commands.h"
#include "cli/stop_signals.h"
#include "fourm/train/monitor.h"

namespace fourm {
namespace {

constexpr const char* kThisMachine = "127.0.0.1";

// Whether a browser of this machine names this server, whose port is `port`. A page of another site, whose name was made to
// lead to this machine (DNS rebinding), has the name of that site in its requests.
bool names_this_server(const httplib::Request& request, int port) {
  constexpr int kDefaultPort = 80;  // which browsers leave out
  const std::string suffix = port == kDefaultPort ? "" : concat(":", port), host = request.get_header_value("Host");
  return host == concat(kThisMachine, suffix) || host == concat("localhost", suffix);
}

// Serves the page, made anew for each request, to browsers of this machine until a signal.
void serve(const std::string& run, int refresh, int port) {
  int bound = port;
  httplib::Server server;
  server.set_socket_options([](socket_t socket) {  // the library's default lets two programs share a port
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response& response) {
    if (names_this_server(request, bound)) return httplib::Server::HandlerResponse::Unhandled;
    response.status = 403;
    response.set_content(concat("fourm: this page is at http://", kThisMachine, ":", bound, "/\n"), "text/plain");
    return httplib::Server::HandlerResponse::Handled;
  });
  server.Get("/", [&](const httplib::Request&, httplib::Response& response) {
    try {
      response.set_content(run_page(run, refresh).html, "text/html; charset=utf-8");
    } catch (const Error& error) {
      response.status = 500;
      response.set_content(concat("fourm: ", error.what(), "\n"), "text/plain; charset=utf-8");
    }
  });
  run_page(run, refresh);  // an Error where the folder is none of a run
  bound = port == 0 ? server.bind_to_any_port(kThisMachine) : (server.bind_to_port(kThisMachine, port) ? port : -1);
  check(bound > 0, kThisMachine, ":", port,
        ": the port cannot be used; choose another one with --port, or 0 for a free one");
  std::cout << "http://" << kThisMachine << ":" << bound << "/" << std::endl;
  const auto listening = std::async(std::launch::async, [&] { return server.listen_after_bind(); });
  while (listening.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready)
    if (StopSignals::requested()) server.stop();
}

// Writes the page, again every so many seconds until the run is finished or a signal; 0: once.
void write(const std::string& run, int every, const fs::path& out) {
  for (bool first = true;; first = false) {
    const RunPage page = run_page(run, every);
    write_file(out, page.html);
    if (first) std::cout << out.string() << std::endl;
    if (every == 0 || page.finished) return;
    for (int tenths = 0; tenths < 10 * every; ++tenths) {
      if (StopSignals::requested()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

}  // namespace

void add_monitor(CLI::App& program) {
  struct Options {
    std::string run, out;
    int every = 0, port = 8080;
    bool serve = false;
  };
  auto options = std::make_shared<Options>();
  auto* command = program.add_subcommand("monitor", "Show a training run as one HTML page: losses, speed, samples");
  command->add_option("RUN", options->run, "folder of a training run")->required();
  auto* out = command->add_option("--out", options->out, "the page; default: RUN/monitor.html");
  command
      ->add_option("--every", options->every,
                   "write it again after so many seconds, until the run is finished or Ctrl-C; browsers then load it "
                   "again too; 0 = once. With --serve: browsers load it again after so many seconds; 0 = 10")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  auto* serves = command->add_flag("--serve", options->serve, "serve the page to browsers of this machine until Ctrl-C")
                     ->excludes(out);
  command->add_option("--port", options->port, "port of --serve; 0 = any that is free")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->needs(serves);
  command->footer(
      "Examples:\n"
      "  fourm monitor runs/rooms/pretrain\n"
      "  fourm monitor runs/rooms/pretrain --every 30 --out page.html\n"
      "  fourm monitor runs/rooms/pretrain --serve");
  command->callback([options] {
    const StopSignals signals;
    if (options->serve) {
      constexpr int kRefresh = 10;
      return serve(options->run, options->every > 0 ? options->every : kRefresh, options->port);
    }
    write(options->run, options->every,
          options->out.empty() ? fs::path(options->run) / "monitor.html" : fs::path(options->out));
  });
}

}  // namespace fourm
