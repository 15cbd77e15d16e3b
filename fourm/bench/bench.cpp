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
#include "fourm/generate/engine.h"
#include "fourm/nn/onednn.h"
#include "fourm/nn/packed_linear.h"

namespace fourm {
namespace {

// Counts the matrix products and convolutions, attention's products among them, that LibTorch's observers hear of while it
// lives: two operations a multiply-add.
class ProductCounter {
 public:
  ProductCounter() {
    total() = 0;
    handle_ = at::addGlobalCallback(at::RecordFunctionCallback([](const at::RecordFunction& call) {
                                      total() += operations(call.name(), call.inputs());
                                      return std::unique_ptr<at::ObserverContext>();
                                    })
                                        .needsInputs(true)
                                        .scopes({at::RecordScope::FUNCTION}));
  }
  ~ProductCounter() { at::removeCallback(handle_); }
  double gflop() const { return total() * 1e-9; }

 private:
  // Where an operator's weight stands among its inputs, and its stride when it is a convolution.
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
      // In bfloat16 LibTorch calls an operator once more, with narrowed weights: that call counts.
      if (at::autocast::is_autocast_enabled(at::kCPU) && w.scalar_type() == at::kFloat) return 0;
      double positions = static_cast<double>(x.numel()) / static_cast<double>(op.stride ? x.size(1) : x.size(-1));
      if (op.stride)
        for (const int64_t stride : inputs[op.stride].toIntVector()) positions /= static_cast<double>(stride);
      return 2 * positions * static_cast<double>(w.numel());
    }
    return 0;
  }
  static std::atomic<double>& total() {  // observers are free functions, called by any thread
    static std::atomic<double> sum = 0;
    return sum;
  }
  at::CallbackHandle handle_;
};

// Packed products of a network's shape, with nothing around them.
class Peak {
 public:
  using Multiply = std::function<Tensor(const Tensor&)>;

  Peak(Multiply multiply, int64_t width, int64_t hidden, at::ScalarType type)
      : multiply_(std::move(multiply)),
        x_(at::randn({kRows, width}).to(type)),
        gflop_(2e-9 * static_cast<double>(kRows * width * hidden)) {}
  // GFLOP/s at this moment: the best of a few.
  double measure() const {
    multiply_(x_);
    double best = 0;
    for (int i = 0; i < 4; ++i) {
      const Stopwatch watch;
      multiply_(x_);
      best = std::max(best, gflop_ / watch.seconds());
    }
    return best;
  }

 private:
  static constexpr int64_t kRows = 392;  // two images of 14 x 14 tokens
  Multiply multiply_;
  Tensor x_;
  double gflop_;
};

// That of the products which an engine is made of; in float32 that of oneDNN's packed product too, which others have.
std::map<std::string, Peak> peaks_of(const Workload& workload, Precision precision) {
  const Tensor weight = at::randn({workload.hidden, workload.width});
  const auto type = precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
  std::map<std::string, Peak> peaks;
  const auto add = [&](const char* name, const Peak::Multiply& multiply) {
    peaks.try_emplace(name, multiply, workload.width, workload.hidden, type);
  };
  const auto own = std::make_shared<PackedLinear>(weight, Tensor(), Packing{precision, {}});
  add("peak", [own](const Tensor& x) { return (*own)(x); });
  if (precision == Precision::kF32 && onednn_has_linear(type))
    add("onednn", [packed = onednn_pack(weight)](const Tensor& x) { return onednn_linear(x, packed, {}, {}); });
  return peaks;
}

// Peak resident GiB of this process since reset_peak().
double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / (1 << 20);
  return 0;
}
void reset_peak(const BenchConfig& config) {
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

// The families with the given workloads alone.
std::vector<Family> families_of(const std::vector<std::string>& workloads) {
  std::vector<Family> families{generation_family(), tokenizer_family(), training_family()};
  std::vector<std::string> known;
  for (const auto& family : families) known.insert(known.end(), family.names.begin(), family.names.end());
  for (const auto& name : workloads)
    check(contains(known, name), "unknown workload ", printable(name), "; known: ", join(known, ", "));
  for (auto& family : families)
    std::erase_if(family.names, [&](const auto& name) { return !contains(workloads, name); });
  std::erase_if(families, [](const auto& family) { return family.names.empty(); });
  return families;
}

// Workloads of one family that one engine runs; they stay open together, so that engines can take turns.
struct Runner {
  std::string engine;
  std::optional<Precision> packing;
  std::vector<Workload> workloads;
};

void time_family(const std::vector<Runner>& runners, const BenchConfig& config,
                 const std::function<void(const Json&)>& line) {
  for (size_t w = 0; w < runners[0].workloads.size(); ++w) {
    reset_peak(config);
    struct Record {
      std::map<std::string, Peak> peaks;
      std::map<std::string, std::vector<double>> gflops, shares;  // by peak, of each run
      std::vector<double> seconds;
      double first = 0, gflop = 0;
    };
    std::vector<Record> records(runners.size());
    for (size_t i = 0; i < runners.size(); ++i)
      records[i].peaks = peaks_of(runners[i].workloads[w], runners[i].packing.value_or(Precision::kF32));
    for (size_t i = 0; i < runners.size(); ++i) {  // warms up
      const Workload& workload = runners[i].workloads[w];
      const ProductCounter counter;
      const Stopwatch watch;
      workload.run([] {});
      records[i].first = workload.ready + watch.seconds();
      records[i].gflop = counter.gflop() * workload.passes;
    }
    for (int64_t round = 0; round < config.repeats; ++round)
      for (size_t i = 0; i < runners.size(); ++i) {
        Record& record = records[i];
        // Machines have other work, now more and now less: the peak is what they give in the middle of this very run.
        std::map<std::string, std::vector<double>> speeds;
        double aside = 0;
        const auto measure = [&] {
          const Stopwatch watch;
          for (const auto& [name, peak] : record.peaks) speeds[name].push_back(peak.measure());
          aside += watch.seconds();
        };
        measure();
        aside = 0;
        const Stopwatch watch;
        runners[i].workloads[w].run(measure);
        record.seconds.push_back(watch.seconds() - aside);
        measure();
        for (const auto& [name, all] : speeds) {
          record.gflops[name].push_back(mean(all));
          record.shares[name].push_back(record.gflop / record.seconds.back() / mean(all));
        }
      }
    for (size_t i = 0; i < runners.size(); ++i) {
      const Record& r = records[i];
      Json json{{"workload", runners[i].workloads[w].name},
                {"engine", runners[i].engine},
                {"precision", precision_name(runners[i].packing.value_or(Precision::kF32))},
                {"size", config.size},
                {"threads", at::get_num_threads()},
                {"median_s", median(r.seconds)},
                {"all", r.seconds},
                {"ready_s", runners[i].workloads[w].ready},
                {"first_s", r.first},
                {"rss_gib", peak_memory()},
                {"gflop", r.gflop}};
      for (const auto& [name, shares] : r.shares) {
        json[name + "_gflops"] = median(r.gflops.at(name));
        json[name + "_share"] = median(shares);
      }
      line(json);
    }
  }
}

}  // namespace

void bench(const BenchConfig& config, const std::function<void(const Json&)>& line) {
  check(config.model.empty() != config.size.empty(), "give either a model or a size");
  check(!config.engines.empty(), "give an engine");
  TemporaryFolder temporary;
  BenchSetting setting{config.model, config.size, config.dtype, config.save, false, {}};
  if (setting.scratch.empty())
    setting.scratch = temporary.path = fs::temp_directory_path() / concat("fourm-bench-", ::getpid());
  for (const Family& family : families_of(config.workloads)) {
    family.open(setting, {});  // random weights are made before memory and time are measured
    std::vector<Runner> runners;
    for (const auto& engine : config.engines) {
      setting.reference = engine == "reference";
      setting.packing = packing_of({engine, setting.reference ? "f32" : config.precision});
      runners.push_back({engine, setting.packing, family.open(setting, family.names)});
    }
    time_family(runners, config, line);
  }
}

}  // namespace fourm
