#include "fourm/generate/bench.h"

#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <optional>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"
#include "fourm/generate/generator.h"
#include "fourm/generate/pipeline.h"

namespace fourm {
namespace {

ModelConfig official_size(const std::string& name) {
  struct Row {
    const char* name;
    int64_t dim, heads, depth;
  };
  constexpr Row kSizes[] = {{"Ti", 384, 6, 6}, {"S", 512, 8, 8}, {"B", 768, 12, 12}, {"L", 1024, 16, 24}, {"XL", 2048, 32, 24}};
  for (const auto& row : kSizes) {
    if (name != row.name) continue;
    ModelConfig c;
    c.domains_in = {"caption", "det", "rgb@224", "tok_clip@224", "tok_depth@224", "tok_normal@224", "tok_rgb@224", "tok_semseg@224"};
    for (const auto& domain : c.domains_in)
      if (domain != "rgb@224") c.domains_out.push_back(domain);
    c.dim = row.dim, c.num_heads = row.heads, c.encoder_depth = c.decoder_depth = row.depth;
    c.qkv_bias = c.proj_bias = c.mlp_bias = false;
    c.gated_mlp = true;
    return c;
  }
  fail("unknown size ", printable(name), "; known: Ti, S, B, L, XL");
}

struct Workload {
  std::string given, target, scheme;
  int64_t count, steps;
  double temperature, guidance;
};

Workload workload_named(const std::string& name) {
  if (name == "roar1") return {"rgb@224", "tok_depth@224", "roar", 1, 1, 0.01, 2};
  if (name == "maskgit8") return {"rgb@224", "tok_normal@224", "maskgit", 1, 8, 1, 2};
  if (name == "caption") return {"rgb@224", "caption", "autoregressive", 1, 1, 1, 1};
  if (name == "caption8") return {"rgb@224", "caption", "autoregressive", 8, 1, 1, 1};
  if (name == "t2i") return {"caption", "tok_rgb@224", "roar", 1, 25, 1, 3};
  fail("unknown workload ", printable(name), "; known: roar1, maskgit8, caption, caption8, t2i");
}

constexpr int64_t kCaptionSlots = 40;

std::vector<Canvas> canvases_of(const Workload& w, const FourM& model, const SequenceIds& ids) {
  std::vector<Canvas> canvases(static_cast<size_t>(w.count));
  for (size_t i = 0; i < canvases.size(); ++i) {
    Canvas& canvas = canvases[i];
    canvas.key = i;
    const Modality given = model.input(w.given).modality, target = model.output(w.target).modality;
    if (given.is_sequence()) {  // as long as "a photo of a red boat on a lake"
      std::vector<int64_t> text;
      for (int64_t id = 0; id < 9; ++id) text.push_back(1000 + 100 * id);
      text.push_back(ids.eos);
      canvas.add_text(w.given, text, ids);
    } else {
      Random random(7, {i});
      ModalityData pixels;
      pixels.width = given.patch_numbers();
      for (int64_t k = 0; k < given.max_tokens * pixels.width; ++k) pixels.values.push_back(static_cast<float>(random.normal()));
      canvas.add_known(w.given, std::move(pixels));
    }
    if (target.is_sequence())
      canvas.add_empty_text(w.target, kCaptionSlots, ids);
    else
      canvas.add_grid(w.target, target.max_tokens);
  }
  return canvases;
}

std::vector<Step> steps_of(const Workload& w, const FourM& model) {
  Plan plan;
  Target target;
  target.modality = w.target, target.scheme = w.scheme, target.steps = w.steps;
  target.temperature = w.temperature, target.guidance = w.guidance;
  plan.targets = {target};
  plan.conditions = {w.given};
  return expand(plan, [&](const std::string& name) { return model.output(name).modality; });
}

// Counts the matrix products that pass LibTorch's dispatcher while it lives: 2 x rows x numbers of the weight.
class ProductCounter {
 public:
  ProductCounter() {
    total() = 0;
    handle_ = at::addGlobalCallback(at::RecordFunctionCallback([](const at::RecordFunction& call) {
                                      const std::string_view name = call.name();
                                      const auto inputs = call.inputs();
                                      const size_t weight = name == "aten::linear"                ? 1
                                                            : name == "onednn::qlinear_pointwise" ? 3
                                                            : name != "mkldnn::_linear_pointwise" ? 0
                                                            : inputs.size() == 5                  ? 2
                                                                                                  : 1;
                                      if (weight && inputs.size() > weight && inputs[weight].isTensor())
                                        total() += 2.0 * static_cast<double>(inputs[0].toTensor().size(0)) *
                                                   static_cast<double>(inputs[weight].toTensor().numel());
                                      return std::unique_ptr<at::ObserverContext>();
                                    }).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  }
  ~ProductCounter() { at::removeCallback(handle_); }
  double gflop() const { return total() * 1e-9; }

 private:
  static double& total() {
    static double sum = 0;
    return sum;
  }
  at::CallbackHandle handle_;
};

// GFLOP/s of packed products of the model's shapes, with nothing around them.
double product_speed(const ModelConfig& c, std::optional<Precision> precision) {
  const auto type = precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat;
  const int64_t rows = 392, hidden = c.mlp_hidden();
  static std::map<std::pair<int64_t, int>, std::shared_ptr<PackedLinear>> kept;
  auto& linear = kept[{c.dim, static_cast<int>(precision.value_or(Precision::kF32))}];
  if (!linear)
    linear = std::make_shared<PackedLinear>(at::randn({hidden, c.dim}), Tensor(), Packing{precision.value_or(Precision::kF32), {}});
  const Tensor x = at::randn({rows, c.dim}).to(type);
  (*linear)(x);
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const Stopwatch watch;
    for (int k = 0; k < 4; ++k) (*linear)(x);
    best = std::max(best, 4 * 2e-9 * static_cast<double>(rows * hidden * c.dim) / watch.seconds());
  }
  return best;
}

// Peak resident GiB of this process since reset_peak().
double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / (1 << 20);
  return 0;
}
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

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

at::ScalarType stored_as(const std::string& name) {
  if (name == "f32") return at::kFloat;
  if (name == "f16") return at::kHalf;
  check(name == "bf16", "unknown dtype ", printable(name), "; known: f32, f16, bf16");
  return at::kBFloat16;
}

}  // namespace

void bench(const BenchConfig& config, const std::function<void(const Json&)>& line) {
  check(config.model.empty() != config.size.empty(), "give either a model or a size");
  const NoGradGuard no_grad;
  at::set_num_threads(config.threads > 0 ? config.threads : processor_count());
  TemporaryFolder temporary;
  fs::path folder = config.model;
  if (folder.empty()) {
    folder = config.save;
    if (folder.empty()) folder = temporary.path = fs::temp_directory_path() / concat("fourm-bench-", ::getpid());
    if (!fs::exists(folder / "model.safetensors"))
      FourM::fresh(official_size(config.size), ModalityTable::official(), 1, stored_as(config.dtype))
          .save(folder, stored_as(config.dtype));
  }
  reset_peak();

  struct Runner {
    std::string engine;
    std::optional<Precision> packing;
    FourM model;
    double ready;
  };
  std::vector<Runner> runners;
  for (const auto& engine : config.engines) {
    const Stopwatch watch;
    const auto packing = packing_of({engine, engine == "reference" ? "f32" : config.precision});
    FourM model = FourM::open(folder, ModalityTable::official(), packing);
    runners.push_back({engine, packing, std::move(model), watch.seconds()});
  }
  GenerateOptions options;
  options.filter.top_p = 0.8;
  for (const auto& name : config.workloads) {
    const Workload workload = workload_named(name);
    struct Record {
      std::vector<double> seconds, speeds;
      double first = 0, gflop = 0;
    };
    std::vector<Record> records(runners.size());
    for (int64_t round = -1; round < config.repeats; ++round)
      for (size_t i = 0; i < runners.size(); ++i) {
        Runner& runner = runners[i];
        Record& record = records[i];
        auto canvases = canvases_of(workload, runner.model, options.sequence_ids);
        options.reference = runner.engine == "reference";
        std::optional<ProductCounter> counter;
        if (round < 0) counter.emplace();
        const Stopwatch watch;
        generate(runner.model, steps_of(workload, runner.model), canvases, options);
        if (round < 0) {
          record.first = runner.ready + watch.seconds();
          record.gflop = counter->gflop();
          continue;
        }
        record.seconds.push_back(watch.seconds());
        record.speeds.push_back(product_speed(runner.model.config(), runner.packing));
      }
    for (size_t i = 0; i < runners.size(); ++i) {
      const Record& r = records[i];
      const double peak = median(r.speeds), seconds = median(r.seconds);
      line({{"workload", name},
            {"engine", runners[i].engine},
            {"precision", !runners[i].packing ? "f32" : precision_name(*runners[i].packing)},
            {"size", config.size},
            {"threads", at::get_num_threads()},
            {"median_s", seconds},
            {"all", r.seconds},
            {"ready_s", runners[i].ready},
            {"first_s", r.first},
            {"rss_gib", peak_memory()},
            {"gflop", r.gflop},
            {"peak_gflops", peak},
            {"peak_share", r.gflop / seconds / peak}});
    }
  }
}

}  // namespace fourm
