#include "fourm/bench/bench.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <numeric>

#include "fourm/bench/workload.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/kernels/cpu/onednn.h"
#include "fourm/kernels/cpu/packed_linear.h"
#include "fourm/kernels/device.h"
#include "fourm/kernels/precision_scope.h"

namespace fourm {
namespace {

// Counts the operations of matrix multiplications and convolutions, those of attention included, that LibTorch reports to
// its observers during the counter's lifetime: two operations a multiply-add.
class FlopCounter {
 public:
  FlopCounter() {
    total() = 0;
    handle_ = at::addGlobalCallback(at::RecordFunctionCallback([](const at::RecordFunction& call) {
                                      total() += operations(call.name(), call.inputs());
                                      return std::unique_ptr<at::ObserverContext>();
                                    })
                                        .needsInputs(true)
                                        .scopes({at::RecordScope::FUNCTION}));
  }
  ~FlopCounter() { at::removeCallback(handle_); }
  double gflop() const { return total() * 1e-9; }

 private:
  // The positions of the weight, and of a convolution's stride, among an operator's inputs.
  struct Operator {
    std::string_view name;
    size_t inputs, weight, stride;
  };
  static constexpr Operator kOperators[] = {{"aten::linear", 3, 1, 0},
                                            {"mkldnn::_linear_pointwise", 6, 1, 0},
                                            {"mkldnn::_linear_pointwise", 5, 2, 0},
                                            {"aten::mkldnn_convolution", 7, 1, 4},
                                            {"mkldnn::_convolution_pointwise", 10, 1, 4},
                                            {"mkldnn::_convolution_pointwise", 13, 2, 5}};

  static double operations(std::string_view name, c10::ArrayRef<const c10::IValue> inputs) {
    if (name.starts_with("fourm::")) return inputs[0].toDouble();
    for (const Operator& op : kOperators) {
      if (name != op.name || inputs.size() != op.inputs) continue;
      const Tensor x = inputs[0].toTensor(), w = inputs[op.weight].toTensor();
      // In bfloat16 LibTorch calls an operator a second time, with converted weights: only that call counts.
      if (at::autocast::is_autocast_enabled(x.device().type()) && w.scalar_type() == at::kFloat) return 0;
      double positions = static_cast<double>(x.numel()) / static_cast<double>(op.stride ? x.size(1) : x.size(-1));
      if (op.stride)
        for (const int64_t stride : inputs[op.stride].toIntVector()) positions /= static_cast<double>(stride);
      return 2 * positions * static_cast<double>(w.numel());
    }
    return 0;
  }
  static std::atomic<double>& total() {  // observers are free functions that any thread calls
    static std::atomic<double> sum = 0;
    return sum;
  }
  at::CallbackHandle handle_;
};

// A packed matrix multiplication of a network's shape, with nothing around it.
class PeakMeter {
 public:
  using Multiply = std::function<Tensor(const Tensor&)>;

  PeakMeter(Multiply multiply, const Tensor& x, int64_t columns)
      : multiply_(std::move(multiply)), x_(x), gflop_(2e-9 * static_cast<double>(x.numel() * columns)) {}
  // The current GFLOP/s: the best of four.
  double measure() const {
    multiply_(x_);
    double best = 0;
    for (int i = 0; i < 4; ++i) {
      synchronize(x_.device());
      const Stopwatch watch;
      multiply_(x_);
      synchronize(x_.device());
      best = std::max(best, gflop_ / watch.seconds());
    }
    return best;
  }

 private:
  Multiply multiply_;
  Tensor x_;
  double gflop_;
};

// "peak": on the CPU the engine's own matrix multiplication; on a GPU a large one by LibTorch. "onednn": in float32, that of
// oneDNN, which other programs use.
std::map<std::string, PeakMeter> peak_meters(const Workload& workload, const Compute& compute) {
  constexpr int64_t kRows = 392;  // two images of 14 x 14 tokens
  constexpr int64_t kGpuSide = 8192;
  const auto type =
      compute.precision == Precision::kInt8 ? at::kFloat : multiplication_type(compute.precision);  // rows of int8
  std::map<std::string, PeakMeter> meters;
  if (!compute.device.is_cpu()) {
    const auto options = at::TensorOptions(type).device(compute.device);
    const Tensor x = at::randn({kGpuSide, kGpuSide}, options), weight = at::randn({kGpuSide, kGpuSide}, options);
    meters.try_emplace(
        "peak", [weight](const Tensor& rows) { return at::mm(rows, weight); }, x, kGpuSide);
    return meters;
  }
  const Tensor weight = at::randn({workload.hidden, workload.width}), x = at::randn({kRows, workload.width}).to(type);
  const auto own = std::make_shared<PackedLinear>(weight, Tensor(), Packing{compute.precision, {}});
  meters.try_emplace(
      "peak", [own](const Tensor& rows) { return (*own)(rows); }, x, workload.hidden);
  if (compute.precision == Precision::kF32 && onednn_has_linear(type))
    meters.try_emplace(
        "onednn", [packed = onednn_pack(weight)](const Tensor& rows) { return onednn_linear(rows, packed, {}, {}); }, x,
        workload.hidden);
  return meters;
}

// Peak resident GiB of this process since reset_peak_memory().
double peak_process_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / (1 << 20);
  return 0;
}
void reset_peak_process_memory(const BenchConfig& config) {
  if (config.release_memory) config.release_memory();
  std::ofstream("/proc/self/clear_refs") << "5";
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct TemporaryFolder {
  fs::path path;
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty()) fs::remove_all(path, ignored);
  }
};

// The families reduced to the given workloads.
std::vector<Family> families_of(const std::vector<std::string>& workloads) {
  std::vector<Family> families{generation_family(), super_resolution_family(), tokenizer_family(), training_family(),
                               finetuning_family()};
  std::vector<std::string> known;
  for (const auto& family : families) known.insert(known.end(), family.names.begin(), family.names.end());
  for (const auto& name : workloads)
    check(contains(known, name), "unknown workload ", printable(name), "; known: ", join(known, ", "));
  for (auto& family : families)
    std::erase_if(family.names, [&](const auto& name) { return !contains(workloads, name); });
  std::erase_if(families, [](const auto& family) { return family.names.empty(); });
  return families;
}

// One workload by one engine: its runs are timed, and the peak is measured around and inside them.
class Timing {
 public:
  Timing(const Workload& workload, const Compute& compute) : workload_(workload), compute_(compute) {}

  void warm_up() {
    reset_peak_memory(compute_.device);
    const FlopCounter counter;
    const Stopwatch watch;
    workload_.run([] {});
    synchronize(compute_.device);
    first_ = workload_.ready + watch.seconds();
    gflop_ = counter.gflop() * workload_.passes;
    device_memory_ = peak_memory(compute_.device);
    meters_ = peak_meters(workload_, compute_);
  }

  // Other processes make a machine slower or faster from one moment to the next. The peak is therefore measured before,
  // between and after the steps of each run.
  void run() {
    std::map<std::string, std::vector<double>> speeds;
    double measuring = 0;
    const auto measure = [&] {
      synchronize(compute_.device);
      const Stopwatch watch;
      for (const auto& [name, meter] : meters_) speeds[name].push_back(meter.measure());
      measuring += watch.seconds();
    };
    measure();
    measuring = 0;
    const Stopwatch watch;
    workload_.run(measure);
    synchronize(compute_.device);
    seconds_.push_back(watch.seconds() - measuring);
    measure();
    for (const auto& [name, all] : speeds) {
      gflops_[name].push_back(mean(all));
      shares_[name].push_back(gflop_ / seconds_.back() / mean(all));
    }
  }

  // Workload, times and peaks; the engine and the setting are the caller's.
  BenchRecord record() const {
    BenchRecord record;
    record.workload = workload_.name;
    record.seconds = seconds_;
    record.median = median(seconds_);
    record.memory_gib = device_memory_;
    record.samples_per_second = static_cast<double>(workload_.samples) / record.median;
    record.ready = workload_.ready;
    record.first = first_;
    record.gflop = gflop_;
    const auto peak = [&](const std::string& name) {
      return BenchRecord::Peak{median(gflops_.at(name)), median(shares_.at(name))};
    };
    record.peak = peak("peak");
    if (meters_.contains("onednn")) record.onednn = peak("onednn");
    return record;
  }

 private:
  const Workload& workload_;
  Compute compute_;
  double device_memory_ = 0;  // of the warm-up run, GiB
  std::map<std::string, PeakMeter> meters_;
  std::map<std::string, std::vector<double>> gflops_, shares_;  // by peak, of each run
  std::vector<double> seconds_;
  double first_ = 0, gflop_ = 0;
};

// The workloads of one family, opened for one engine.
struct OpenFamily {
  std::string engine;
  Compute compute;
  std::vector<Workload> workloads;
};

// The engines take turns in each round, so that all of them see the same state of the machine.
void time_family(const std::vector<OpenFamily>& engines, const BenchConfig& config,
                 const std::function<void(const BenchRecord&)>& report) {
  for (size_t w = 0; w < engines[0].workloads.size(); ++w) {
    const at::Device device = engines[0].compute.device;
    reset_peak_process_memory(config);
    std::vector<Timing> timings;
    for (const auto& engine : engines) timings.emplace_back(engine.workloads[w], engine.compute);
    for (auto& timing : timings) timing.warm_up();
    for (int64_t round = 0; round < config.repeats; ++round)
      for (auto& timing : timings) timing.run();
    for (size_t i = 0; i < engines.size(); ++i) {
      BenchRecord record = timings[i].record();
      record.engine = engines[i].engine;
      record.precision = precision_name(engines[i].compute.precision);
      record.device = device_name(device);
      record.size = config.size;
      record.threads = at::get_num_threads();
      if (device.is_cpu()) record.memory_gib = peak_process_memory();
      report(record);
    }
  }
}

}  // namespace

void bench(const BenchConfig& config, const std::function<void(const BenchRecord&)>& report) {
  check(config.model.empty() != config.size.empty(), "give either a model or a size");
  check_fields(config, "the benchmark");
  check(!config.engines.empty(), "give an engine");
  std::vector<Compute> computes;
  for (const auto& engine : config.engines)
    computes.push_back(compute_of({engine, engine == "reference" ? "f32" : config.precision, config.device}));
  TemporaryFolder temporary;
  BenchSetting setting{config.model, config.size, config.dtype, config.save, config.samples, {}};
  if (setting.scratch.empty())
    setting.scratch = temporary.path = fs::temp_directory_path() / concat("fourm-bench-", ::getpid());
  for (const Family& family : families_of(config.workloads)) {
    family.open(setting, {});  // random weights are made before memory and time are measured
    std::vector<OpenFamily> engines;
    for (size_t i = 0; i < computes.size(); ++i) {
      setting.compute = computes[i];
      engines.push_back({config.engines[i], computes[i], family.open(setting, family.names)});
    }
    time_family(engines, config, report);
  }
}

}  // namespace fourm
