#include "fourm/dist/process_group.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>

#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/core/tensor.h"
#include "fourm/dist/gloo_backend.h"
#include "fourm/dist/watch.h"

namespace fourm {
namespace {

using Store = c10::intrusive_ptr<c10d::Store>;

std::string first_line(const std::exception& error) { return split(error.what(), '\n')[0]; }

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

Store connect_to_store(const ProcessGroupConfig& config) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(config.port);
  options.isServer = config.rank == 0 && !config.store_runs;
  options.numWorkers = config.size;
  options.waitWorkers = false;
  options.timeout = milliseconds(config.timeout);
  const std::string where = concat(config.address, ":", config.port);
  try {
    Store store = c10::make_intrusive<c10d::TCPStore>(config.address, options);
    store = c10::make_intrusive<c10d::PrefixStore>("fourm/" + config.attempt, store);
    store->setTimeout(options.timeout);
    return store;
  } catch (const std::exception& error) {
    if (options.isServer)
      throw GroupError(concat("rank 0 cannot listen at ", where, " (", first_line(error),
                              "); another run may use the port: set MASTER_PORT to another one"));
    throw GroupError(concat("rank ", config.rank, " did not reach ", config.store_runs ? "the launcher" : "rank 0",
                            " at ", where, " within ", config.timeout, " s; did it start, and is the address right?"));
  }
}

std::string joined_key(int64_t rank) { return concat("joined/", rank); }

// Returns when all ranks have joined with the same build.
void meet(c10d::Store& store, const ProcessGroupConfig& config) {
  if (store.add(concat("processes/", config.rank), 1) > 1)
    throw GroupError(concat("two processes have the rank ", config.rank, " of ", config.size));
  Watch::first_sign(store, config.rank);
  store.set(joined_key(config.rank), concat(config.size, " ", config.build));
  std::vector<std::string> keys;
  for (int64_t rank = 0; rank < config.size; ++rank) keys.push_back(joined_key(rank));
  try {
    store.wait(keys, milliseconds(config.timeout));
  } catch (const std::exception&) {
    std::vector<std::string> missing;
    try {
      for (int64_t rank = 0; rank < config.size; ++rank)
        if (!store.check({keys[rank]})) missing.push_back(std::to_string(rank));
    } catch (const std::exception&) {
      missing = {"0"};  // whose store has gone
    }
    throw GroupError(concat(missing.size() == 1 ? "rank " : "ranks ", join(missing, ", "), " of ", config.size,
                            " did not come within ", config.timeout, " s"));
  }
  const std::string own = concat(config.size, " ", config.build);
  for (int64_t rank = 0; rank < config.size; ++rank) {
    const std::string other = store.get_to_str(keys[rank]);
    if (other != own)
      throw GroupError(concat("rank ", rank, " belongs to a group of ", other, ", rank ", config.rank, " to one of ",
                              own, "; all processes must run the same build with the same number of processes"));
  }
}

}  // namespace

struct ProcessGroupState {
  ProcessGroupConfig config;
  Store store;
  c10::intrusive_ptr<c10d::Backend> backend;
  std::unique_ptr<Watch> watch;
  bool has_left = false;

  // Threads of a broken group may wait for a process that is gone: they are left to the end of the program.
  ~ProcessGroupState() {
    if (has_left) return;
    watch.release();
    backend.release();
    store.release();
  }
  [[noreturn]] void fail_with(const std::string& message) {
    watch->await_readers();
    throw GroupError(message);
  }
};

struct ProcessGroup::Exchange::Work {
  std::shared_ptr<ProcessGroupState> state;
  c10::intrusive_ptr<c10d::Work> work;
};

ProcessGroup::ProcessGroup(const ProcessGroupConfig& config) {
  check(config.size >= 1 && config.rank >= 0 && config.rank < config.size, "rank ", config.rank, " of a group of ",
        config.size, ": the rank should be at least 0 and less than the number of processes");
  if (config.size == 1) return;
  state_ = std::make_shared<ProcessGroupState>();
  state_->config = config;
  state_->store = connect_to_store(config);
  meet(*state_->store, config);
  // Exchanges end when the watch finds something wrong. The backend's own limit is for what the watch does not see.
  constexpr double kLongest = 24 * 3600;
  const bool one_machine = config.local_size == config.size;
  try {
    state_->backend = gloo_backend(c10::make_intrusive<c10d::PrefixStore>("gloo", state_->store),
                                   static_cast<int>(config.rank), static_cast<int>(config.size),
                                   one_machine ? "127.0.0.1" : "", config.network_interface, milliseconds(kLongest));
    const Watch::Place place{config.rank, config.size, config.rank == 0 && !config.store_runs,
                             config.store_runs ? "the launcher" : "rank 0, which keeps the store of the group,"};
    state_->watch = std::make_unique<Watch>(state_->store->clone(), place, config.timeout);
  } catch (const std::exception& error) {
    throw GroupError(concat("rank ", config.rank, " cannot connect to the other processes: ", first_line(error)));
  }
  barrier();
}

int64_t ProcessGroup::rank() const { return state_ ? state_->config.rank : 0; }
int64_t ProcessGroup::size() const { return state_ ? state_->config.size : 1; }

void ProcessGroup::Exchange::wait() {
  if (!work_) return;
  ProcessGroupState& state = *work_->state;
  for (bool done = false; !done;) {
    try {
      done = work_->work->wait(Watch::kInterval);
    } catch (const std::exception& error) {
      if (work_->work->isCompleted())
        state.fail_with(state.watch->explain(concat("rank ", state.config.rank, ": ", first_line(error))));
      if (const auto failure = state.watch->failure()) state.fail_with(*failure);
    }
  }
  work_ = nullptr;
}

namespace {

// Begins an exchange of the tensor through the backend.
template <class Start>
c10::intrusive_ptr<c10d::Work> begin(ProcessGroupState& state, const Tensor& x, const Start& start) {
  check(x.is_cpu(), "this build has no exchange between GPUs; train on one, or with training.device=cpu");
  check(x.is_contiguous(), "[ProcessGroup] the tensor is not contiguous");
  state.watch->count_exchange();
  std::vector<Tensor> tensors{x.detach()};
  try {
    return start(*state.backend, tensors);
  } catch (const std::exception& error) {
    state.fail_with(state.watch->explain(concat("rank ", state.config.rank, ": ", first_line(error))));
  }
}

}  // namespace

ProcessGroup::Exchange ProcessGroup::start_sum(const Tensor& x) const {
  Exchange exchange;
  if (state_)
    exchange.work_ = std::make_shared<Exchange::Work>(
        state_, fourm::begin(*state_, x, [](auto& backend, auto& tensors) { return backend.allreduce(tensors); }));
  return exchange;
}

ProcessGroup::Exchange ProcessGroup::start_sum_at(const Tensor& x, int64_t owner) const {
  Exchange exchange;
  c10d::ReduceOptions options;
  options.rootRank = owner;
  if (state_)
    exchange.work_ = std::make_shared<Exchange::Work>(
        state_,
        fourm::begin(*state_, x, [&](auto& backend, auto& tensors) { return backend.reduce(tensors, options); }));
  return exchange;
}

ProcessGroup::Exchange ProcessGroup::start_broadcast(const Tensor& x, int64_t from) const {
  Exchange exchange;
  c10d::BroadcastOptions options;
  options.rootRank = from;
  if (state_)
    exchange.work_ = std::make_shared<Exchange::Work>(
        state_,
        fourm::begin(*state_, x, [&](auto& backend, auto& tensors) { return backend.broadcast(tensors, options); }));
  return exchange;
}

void ProcessGroup::sum(const Tensor& x) const { start_sum(x).wait(); }

void ProcessGroup::max(const Tensor& x) const {
  if (!state_) return;
  c10d::AllreduceOptions options;
  options.reduceOp = c10d::ReduceOp::MAX;
  Exchange exchange;
  exchange.work_ = std::make_shared<Exchange::Work>(state_, fourm::begin(*state_, x, [&](auto& backend, auto& tensors) {
                                                      return backend.allreduce(tensors, options);
                                                    }));
  exchange.wait();
}

bool ProcessGroup::any(bool value) const {
  if (!state_) return value;
  const Tensor x = at::full({1}, value ? 1 : 0, at::kInt);
  max(x);
  return x.item<int>() != 0;
}

std::vector<double> ProcessGroup::sum(std::vector<double> values) const {
  if (state_ && !values.empty()) sum(at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble));
  return values;
}

std::vector<std::string> ProcessGroup::gather(const std::string& text) const {
  if (!state_) return {text};
  const Tensor lengths = at::zeros({size()}, at::kLong);
  lengths[rank()] = static_cast<int64_t>(text.size());
  sum(lengths);
  const Tensor bytes = at::zeros({std::max<int64_t>(1, lengths.sum().item<int64_t>())}, at::kByte);
  const Tensor ends = lengths.cumsum(0);
  const auto* end = ends.const_data_ptr<int64_t>();
  auto* all = bytes.mutable_data_ptr<uint8_t>();
  std::copy(text.begin(), text.end(), all + end[rank()] - static_cast<int64_t>(text.size()));
  sum(bytes);
  std::vector<std::string> texts;
  for (int64_t i = 0; i < size(); ++i) texts.emplace_back(all + (i == 0 ? 0 : end[i - 1]), all + end[i]);
  return texts;
}

void ProcessGroup::check_same(const std::string& what, const std::string& text) const {
  const auto texts = gather(text);
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
  if (state_) state_->watch->begin_busy();
}

ProcessGroup::Busy::~Busy() {
  if (state_) state_->watch->end_busy();
}

void ProcessGroup::leave() {
  if (!state_) return;
  barrier();
  ProcessGroupState& state = *state_;
  state.watch.reset();
  state.backend.reset();
  // The store ends with rank 0, which therefore leaves last.
  constexpr std::chrono::seconds kLast{5};
  try {
    state.store->set(concat("left/", rank()), std::string());
    std::vector<std::string> all;
    for (int64_t r = 0; r < size(); ++r) all.push_back(concat("left/", r));
    if (is_first()) state.store->wait(all, kLast);
  } catch (const std::exception&) {
    // All work is done: nothing is lost.
  }
  state.store.reset();
  state.has_left = true;
  state_ = nullptr;
}

void ProcessGroup::report_failure(const std::string& message) const {
  if (!state_ || !state_->watch) return;
  state_->watch->report(message);
  state_->watch->await_readers();
}

}  // namespace fourm
