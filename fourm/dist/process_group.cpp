#include "fourm/dist/process_group.h"

#include <net/if.h>
#include <netdb.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>

#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/core/tensor.h"
#include "fourm/dist/device_backend.h"
#include "fourm/dist/gloo_backend.h"
#include "fourm/dist/heartbeat_monitor.h"

namespace fourm {
namespace {

using Store = c10::intrusive_ptr<c10d::Store>;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds kPoll{50};  // of an operation of a device

// The first line of a message, and the cause that NCCL writes after "Last error:".
std::string summary(const std::exception& error) {
  const auto lines = split(error.what(), '\n');
  for (size_t i = 1; i + 1 < lines.size(); ++i)
    if (lines[i].starts_with("Last error:")) return concat(lines[0], ": ", trim(lines[i + 1]));
  return lines[0];
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// Runs `call` in a thread, since LibTorch may wait forever, for example for a store whose process is stopped. The thread is
// abandoned when failure(), called every `interval`, returns a message.
void call_or_abandon(const std::function<void()>& call, std::chrono::milliseconds interval,
                     const std::function<std::optional<std::string>()>& failure) {
  std::packaged_task<void()> task(call);
  std::future<void> ended = task.get_future();
  std::thread thread(std::move(task));
  while (ended.wait_for(interval) != std::future_status::ready) {
    const std::optional<std::string> message = failure();
    if (!message) continue;
    thread.detach();
    throw GroupError(*message);
  }
  thread.join();
  ended.get();
}

std::string address(const ProcessGroupConfig& config) { return concat(config.master_addr, ":", config.master_port); }

std::string unreached(const ProcessGroupConfig& config) {
  return concat("rank ", config.rank, " did not reach ", config.use_agent_store ? "the launcher" : "rank 0", " at ",
                address(config), " within ", config.timeout, " s; did it start, and is the address right?");
}

Store connect_to_store(const ProcessGroupConfig& config, std::chrono::milliseconds limit) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(config.master_port);
  options.isServer = config.rank == 0 && !config.use_agent_store;
  options.numWorkers = config.world_size;
  options.waitWorkers = false;
  options.timeout = limit;
  try {
    Store store = c10::make_intrusive<c10d::TCPStore>(config.master_addr, options);
    store = c10::make_intrusive<c10d::PrefixStore>("fourm/" + config.attempt, store);
    store->setTimeout(milliseconds(config.timeout));
    return store;
  } catch (const std::exception& error) {
    if (options.isServer)
      throw GroupError(
          concat("rank 0 cannot listen at ", address(config), " (", summary(error),
                 "); another run may use the port (MASTER_PORT), or MASTER_ADDR is no address of this machine"));
    throw GroupError(unreached(config));
  }
}

// Error on a machine or network that cannot be found, which the errors of the store and of Gloo do not name.
void check_network(const ProcessGroupConfig& config) {
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(config.master_addr.c_str(), nullptr, nullptr, &found);
  if (failed == 0) ::freeaddrinfo(found);
  if (failed != 0)
    throw GroupError(concat("the machine of rank 0, '", config.master_addr,
                            "' (MASTER_ADDR), is not found: ", ::gai_strerror(failed)));
  for (const auto& name : split(config.network_interface, ','))
    if (!name.empty() && ::if_nametoindex(name.c_str()) == 0)
      throw GroupError(concat("this machine has no network interface '", name, "' (GLOO_SOCKET_IFNAME)"));
}

std::string joined_key(int64_t rank) { return concat("joined/", rank); }
std::string place_key(int64_t rank) { return concat("place/", rank); }
std::string place(int64_t local_rank, int64_t local_world_size) { return concat(local_rank, " of ", local_world_size); }

// The processes of each machine, where each has the same number and consecutive ranks; else that of all.
int64_t processes_per_machine(c10d::Store& store, const ProcessGroupConfig& config) {
  const int64_t all = config.world_size, count = config.local_world_size;
  if (count < 1 || all % count != 0) return all;
  for (int64_t rank = 0; rank < all; ++rank)
    if (store.get_to_str(place_key(rank)) != place(rank % count, count)) return all;
  return count;
}

// Returns when all ranks have joined with the same build.
void rendezvous(c10d::Store& store, const ProcessGroupConfig& config, std::chrono::milliseconds limit) {
  if (store.add(concat("processes/", config.rank), 1) > 1)
    throw GroupError(concat("two processes have the rank ", config.rank, " of ", config.world_size));
  HeartbeatMonitor::write_first_heartbeat(store, config.rank);
  store.set(place_key(config.rank), place(config.local_rank, config.local_world_size));
  store.set(joined_key(config.rank), concat(config.world_size, " ", config.build));
  std::vector<std::string> keys;
  for (int64_t rank = 0; rank < config.world_size; ++rank) keys.push_back(joined_key(rank));
  try {
    store.wait(keys, limit);
  } catch (const std::exception&) {
    std::vector<std::string> missing;
    try {
      for (int64_t rank = 0; rank < config.world_size; ++rank)
        if (!store.check({keys[rank]})) missing.push_back(std::to_string(rank));
    } catch (const std::exception&) {
      missing = {"0"};  // whose store has ended
    }
    throw GroupError(concat(missing.size() == 1 ? "rank " : "ranks ", join(missing, ", "), " of ", config.world_size,
                            " did not join within ", config.timeout, " s"));
  }
  const std::string size = std::to_string(config.world_size);
  std::map<std::string, int64_t> places;
  for (int64_t rank = 0; rank < config.world_size; ++rank) {
    const std::string other = store.get_to_str(keys[rank]), other_size = other.substr(0, other.find(' '));
    if (other_size != size)
      throw GroupError(concat("rank ", rank, " belongs to a group of ", other_size, " processes, rank ", config.rank,
                              " to one of ", size, " (WORLD_SIZE)"));
    if (other != concat(size, " ", config.build))
      throw GroupError(concat("rank ", rank, " runs another build of the program than rank ", config.rank));
    if (config.local_world_size != config.world_size) continue;
    const auto [same, is_new] = places.emplace(store.get_to_str(place_key(rank)), rank);
    if (!is_new)
      throw GroupError(concat("ranks ", same->second, " and ", rank, " have the same local rank (LOCAL_RANK)"));
  }
}

// Keeps objects until the program ends, since threads of a broken group may still use them.
template <class... Objects>
void keep_for_waiting_threads(Objects&&... objects) {
  static std::mutex mutex;
  static auto* kept = new std::list<std::tuple<std::decay_t<Objects>...>>();
  const std::lock_guard lock(mutex);
  kept->emplace_back(std::forward<Objects>(objects)...);
}

}  // namespace

struct ProcessGroupState {
  explicit ProcessGroupState(const ProcessGroupConfig& group)
      : config(group),
        member{group.rank, group.world_size, group.rank == 0 && !group.use_agent_store,
               group.use_agent_store ? "the launcher" : "rank 0, which hosts the store of the group,"} {}

  const ProcessGroupConfig config;
  const HeartbeatMonitor::Member member;
  Store store, store_of_monitor;
  struct Part {
    int64_t rank = 0, size = 1;
    std::string name;  // in the store
    c10::intrusive_ptr<c10d::Backend> backend, for_device;
  };
  std::array<Part, ProcessGroup::kParts> parts;
  std::unique_ptr<HeartbeatMonitor> monitor;
  std::atomic<bool> is_connected{false};  // to the store
  bool is_shut_down = false;

  ~ProcessGroupState() {
    if (!is_shut_down)
      keep_for_waiting_threads(std::move(monitor), std::move(parts), std::move(store_of_monitor), std::move(store));
  }

  // Waits for all processes. What the store finds out in time is a better message than that the store does not respond.
  void join() {
    check_network(config);
    const double limit = config.timeout - std::min(1.0, config.timeout / 10), least = limit / 10;
    const auto start = Clock::now();
    try {
      store = connect_to_store(config, milliseconds(limit));
      is_connected = true;
      const std::chrono::duration<double> passed = Clock::now() - start;
      rendezvous(*store, config, milliseconds(std::max(limit - passed.count(), least)));
      store_of_monitor = store->clone();
    } catch (const GroupError&) {
      throw;
    } catch (const std::exception&) {
      throw GroupError(member.store_host + " has ended");
    }
  }
  void connect() {
    const int64_t rank = config.rank, size = config.world_size, on_machine = processes_per_machine(*store, config);
    const bool one_machine = config.local_world_size == size;
    parts[ProcessGroup::kAll] = connected("all", rank, size, one_machine);
    if (on_machine > 1 && on_machine < size) {
      parts[ProcessGroup::kOnMachine] =
          connected(concat("machine/", rank / on_machine), rank % on_machine, on_machine, true);
      parts[ProcessGroup::kAcrossMachines] =
          connected(concat("local_rank/", rank % on_machine), rank / on_machine, size / on_machine, false);
    }
  }
  // Collective operations end when the monitor finds a failure. The backend's own limit is for what it does not find.
  static constexpr std::chrono::hours kLongestOperation{24};
  Part connected(const std::string& name, int64_t rank, int64_t size, bool one_machine) const {
    return {rank,
            size,
            name,
            gloo_backend(c10::make_intrusive<c10d::PrefixStore>("gloo/" + name, store), static_cast<int>(rank),
                         static_cast<int>(size), one_machine ? "127.0.0.1" : "", config.network_interface,
                         kLongestOperation),
            {}};
  }
  void connect_device(const DeviceBackendFactory& factory, const at::Device& device) {
    const std::string type = at::DeviceTypeName(device.type(), /*lower_case=*/true);
    for (Part& part : parts) {
      if (!part.backend) continue;
      part.for_device = factory.make(c10::make_intrusive<c10d::PrefixStore>(concat(type, "/", part.name), store),
                                     static_cast<int>(part.rank), static_cast<int>(part.size));
      // The first operation connects the processes.
      std::vector<Tensor> first{at::zeros({1}, at::TensorOptions(at::kFloat).device(device))};
      const auto work = part.for_device->allreduce(first);
      while (!work->isCompleted()) std::this_thread::sleep_for(kPoll);
      work->wait();
    }
  }
  // All their operations have ended, but NCCL may wait for the other processes here.
  void shut_down_device_backends() {
    std::vector<c10::intrusive_ptr<c10d::Backend>> backends;
    for (Part& part : parts)
      if (part.for_device) backends.push_back(std::move(part.for_device));
    if (backends.empty()) return;
    constexpr std::chrono::seconds kLongest{5};
    try {
      call_or_abandon(
          [backends] {
            for (const auto& backend : backends) backend->shutdown();
          },
          kLongest, [] { return std::optional<std::string>("a backend did not shut down"); });
    } catch (const std::exception&) {
      keep_for_waiting_threads(std::move(backends));  // all work is done: nothing is lost
    }
  }
  // After the last collective operation.
  void leave() {
    monitor.reset();
    shut_down_device_backends();
    for (Part& part : parts) part.backend.reset();
    // The store ends with rank 0, which therefore ends last.
    constexpr std::chrono::seconds kLongest{5};
    try {
      store->set(concat("shutdown/", config.rank), std::string());
      std::vector<std::string> all;
      for (int64_t rank = 0; rank < config.world_size; ++rank) all.push_back(concat("shutdown/", rank));
      if (config.rank == 0) store->wait(all, kLongest);
    } catch (const std::exception&) {
      // All work is done: nothing is lost.
    }
    store.reset();
    is_shut_down = true;
  }

  // Calls join() or leave(). GroupError when the store of another process does not respond within the timeout, and when it is stopped.
  static void call(const std::shared_ptr<ProcessGroupState>& state, void (ProcessGroupState::*step)(),
                   const std::function<bool()>& stop = {}) {
    const auto end = Clock::now() + milliseconds(state->config.timeout);
    call_or_abandon([state, step] { (*state.*step)(); }, HeartbeatMonitor::kInterval,
                    [&]() -> std::optional<std::string> {
                      if (stop && stop()) return "stopped while waiting for the other processes";
                      if (state->member.hosts_store || Clock::now() < end) return {};
                      return state->is_connected ? state->member.store_host + " does not respond"
                                                 : unreached(state->config);
                    });
  }
  // Calls what connects the processes, while the monitor watches the others. `hint` follows the error of one that takes too long.
  static void call_connect(const std::shared_ptr<ProcessGroupState>& state, const std::string& hint,
                           const std::function<void(ProcessGroupState&)>& connect) {
    const auto end = Clock::now() + milliseconds(state->config.timeout);
    try {
      call_or_abandon([state, connect] { connect(*state); }, HeartbeatMonitor::kInterval,
                      [&]() -> std::optional<std::string> {
                        if (auto failure = state->monitor->failure()) return failure;
                        if (Clock::now() < end) return {};
                        return concat("rank ", state->config.rank, " did not connect to the other processes within ",
                                      state->config.timeout, " s; ", hint);
                      });
    } catch (const GroupError& error) {
      state->throw_error(error.what());
    } catch (const std::exception& error) {
      state->throw_error(state->monitor->explain_failure(
          concat("rank ", state->config.rank, " cannot connect to the other processes: ", summary(error))));
    }
  }

  [[noreturn]] void throw_error(const std::string& message) {
    monitor->wait_until_reported();
    throw GroupError(message);
  }
  // After an error of the backend, which rarely says which process has failed.
  [[noreturn]] void throw_failure(const std::exception& error) {
    throw_error(monitor->explain_failure(concat("rank ", config.rank, ": ", summary(error))));
  }
};

struct ProcessGroup::Work::State {
  std::shared_ptr<ProcessGroupState> group;
  Tensor tensor, sent;  // the same, but for a tensor of a device that is sent from the memory of the host
  bool by_device;
  c10::intrusive_ptr<c10d::Work> work;
};

ProcessGroup::ProcessGroup(const ProcessGroupConfig& config) {
  check(config.world_size >= 1 && config.rank >= 0 && config.rank < config.world_size, "rank ", config.rank,
        " of a group of ", config.world_size, ": the rank should be at least 0 and less than the number of processes");
  if (config.world_size == 1) return;
  state_ = std::make_shared<ProcessGroupState>(config);
  ProcessGroupState::call(state_, &ProcessGroupState::join, config.stop);
  state_->monitor =
      std::make_unique<HeartbeatMonitor>(std::move(state_->store_of_monitor), state_->member, config.timeout);
  ProcessGroupState::call_connect(state_, "GLOO_SOCKET_IFNAME names the network between the machines",
                                  [](ProcessGroupState& state) { state.connect(); });
  barrier();
}

int64_t ProcessGroup::rank() const { return state_ ? state_->parts[part_].rank : 0; }
int64_t ProcessGroup::size() const { return state_ ? state_->parts[part_].size : 1; }

ProcessGroup ProcessGroup::on_machine() const {
  ProcessGroup group = *this;
  if (state_ && state_->parts[kOnMachine].backend) group.part_ = kOnMachine;
  return group;
}

ProcessGroup ProcessGroup::across_machines() const {
  if (!state_ || !state_->parts[kAcrossMachines].backend) return {};
  ProcessGroup group = *this;
  group.part_ = kAcrossMachines;
  return group;
}

void ProcessGroup::connect_device(const c10::Device& device) const {
  if (!state_ || device.is_cpu() || has_device_backend()) return;
  const auto nccl = device.is_cuda() ? nccl_backend_factory() : nullptr;
  connect_device(device, nccl.get());
  if (!device.is_cuda() || !is_first()) return;
  note(has_device_backend() ? "collective operations of GPUs: by NCCL"
                            : "collective operations of GPUs: by Gloo, through the memory of the host, since a process "
                              "lacks libfourm_nccl.so (docs/distributed.md)");
}

void ProcessGroup::connect_device(const c10::Device& device, const DeviceBackendFactory* factory) const {
  if (!state_ || any(!factory)) return;
  ProcessGroupState::call_connect(
      state_, "NCCL_SOCKET_IFNAME names the network between the machines, and NCCL_DEBUG=WARN shows the reason",
      [factory, device](ProcessGroupState& state) { state.connect_device(*factory, device); });
}

bool ProcessGroup::has_device_backend() const { return state_ && state_->parts[kAll].for_device; }

bool ProcessGroup::Work::is_done() const { return !state_ || state_->work->isCompleted(); }

void ProcessGroup::Work::wait() {
  if (!state_) return;
  ProcessGroupState& group = *state_->group;
  for (bool done = false; !done;) {
    try {
      if (!state_->by_device) {
        done = state_->work->wait(HeartbeatMonitor::kInterval);
      } else if (state_->work->isCompleted()) {
        done = state_->work->wait();  // the stream of the device waits for it
      } else {                        // wait() with a time-out would abort NCCL's communicator
        std::this_thread::sleep_for(kPoll);
        if (const auto failure = group.monitor->failure()) group.throw_error(*failure);
      }
    } catch (const GroupError&) {
      throw;
    } catch (const std::exception& error) {
      // An operation may also complete just after the time-out: wait() returns at once then.
      if (state_->by_device || (state_->work->isCompleted() && state_->work->exception())) group.throw_failure(error);
      if (const auto failure = group.monitor->failure()) group.throw_error(*failure);
    }
  }
  if (!state_->sent.is_same(state_->tensor)) {
    const NoGradGuard no_grad;
    state_->tensor.copy_(state_->sent);
  }
  state_ = nullptr;
}

// Starts operation(backend, tensors) of the tensor. Gloo takes tensors in the memory of the host: one of a device without a
// backend of its own is copied.
template <class Operation>
ProcessGroup::Work ProcessGroup::start(const Tensor& x, const Operation& operation) const {
  Work work;
  if (!state_) return work;
  check(x.is_contiguous(), "[ProcessGroup] the tensor is not contiguous");
  // Of the operations across machines, a process takes part in some only.
  if (part_ != kAcrossMachines) state_->monitor->count_collective();
  const auto& part = state_->parts[part_];
  const bool by_device = part.for_device && !x.is_cpu();
  const Tensor tensor = x.detach(), sent = by_device ? tensor : tensor.to(at::kCPU);
  std::vector<Tensor> tensors{sent};
  try {
    work.state_ = std::make_shared<Work::State>(state_, tensor, sent, by_device,
                                                operation(by_device ? *part.for_device : *part.backend, tensors));
  } catch (const std::exception& error) {
    state_->throw_failure(error);
  }
  return work;
}

ProcessGroup::Work ProcessGroup::all_reduce_async(const Tensor& x) const {
  return start(x, [](auto& backend, auto& tensors) { return backend.allreduce(tensors); });
}

ProcessGroup::Work ProcessGroup::reduce_async(const Tensor& x, int64_t root) const {
  c10d::ReduceOptions options;
  options.rootRank = root;
  return start(x, [&](auto& backend, auto& tensors) { return backend.reduce(tensors, options); });
}

ProcessGroup::Work ProcessGroup::broadcast_async(const Tensor& x, int64_t root) const {
  c10d::BroadcastOptions options;
  options.rootRank = root;
  return start(x, [&](auto& backend, auto& tensors) { return backend.broadcast(tensors, options); });
}

void ProcessGroup::all_reduce(const Tensor& x) const { all_reduce_async(x).wait(); }

void ProcessGroup::all_reduce_max(const Tensor& x) const {
  c10d::AllreduceOptions options;
  options.reduceOp = c10d::ReduceOp::MAX;
  start(x, [&](auto& backend, auto& tensors) { return backend.allreduce(tensors, options); }).wait();
}

bool ProcessGroup::any(bool value) const {
  if (!state_) return value;
  const Tensor x = at::full({1}, value ? 1 : 0, at::kInt);
  all_reduce_max(x);
  return x.item<int>() != 0;
}

std::vector<double> ProcessGroup::all_reduce(std::vector<double> values) const {
  if (state_ && !values.empty())
    all_reduce(at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble));
  return values;
}

std::vector<std::string> ProcessGroup::all_gather(const std::string& text) const {
  if (!state_) return {text};
  const Tensor lengths = at::zeros({size()}, at::kLong);
  lengths[rank()] = static_cast<int64_t>(text.size());
  all_reduce(lengths);
  const Tensor bytes = at::zeros({std::max<int64_t>(1, lengths.sum().item<int64_t>())}, at::kByte);
  const Tensor ends = lengths.cumsum(0);
  const auto* end = ends.const_data_ptr<int64_t>();
  auto* all = bytes.mutable_data_ptr<uint8_t>();
  std::copy(text.begin(), text.end(), all + end[rank()] - static_cast<int64_t>(text.size()));
  all_reduce(bytes);
  std::vector<std::string> texts;
  for (int64_t i = 0; i < size(); ++i) texts.emplace_back(all + (i == 0 ? 0 : end[i - 1]), all + end[i]);
  return texts;
}

void ProcessGroup::check_same(const std::string& what, const std::string& text) const {
  const auto texts = all_gather(text);
  for (size_t i = 1; i < texts.size(); ++i) {
    if (texts[i] == texts[0]) continue;
    const auto first = split(texts[0], '\n'), other = split(texts[i], '\n');
    size_t line = 0;
    while (line < first.size() && line < other.size() && first[line] == other[line]) ++line;
    const auto shown = [&](const auto& lines) {
      return line < lines.size() ? printable(trim(lines[line])) : "nothing";
    };
    throw GroupError(
        concat("rank ", i, " has another ", what, " than rank 0: ", shown(other), " instead of ", shown(first)));
  }
}

void ProcessGroup::barrier() const { any(false); }

ProcessGroup::Busy::Busy(const ProcessGroup& group) : state_(group.state_) {
  if (state_) state_->monitor->begin_busy();
}

ProcessGroup::Busy::~Busy() {
  if (state_) state_->monitor->end_busy();
}

void ProcessGroup::shutdown() {
  if (!state_) return;
  barrier();
  ProcessGroupState::call(state_, &ProcessGroupState::leave);
  state_ = nullptr;
}

void ProcessGroup::report_failure(const std::string& message) const {
  if (!state_ || !state_->monitor) return;
  state_->monitor->report_failure(message);
  state_->monitor->wait_until_reported();
}

}  // namespace fourm
