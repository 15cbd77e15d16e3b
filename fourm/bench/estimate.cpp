#include "fourm/bench/estimate.h"

#include <algorithm>
#include <cmath>

#include "fourm/dist/data_parallel.h"
#include "fourm/model/fourm.h"
#include "fourm/train/split_batch.h"

namespace fourm {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;

// Tensors of the right shape and no memory.
class ShapeSource : public ParameterSource {
 public:
  Tensor get(const std::string&, at::IntArrayRef shape, const Init&) override {
    return at::zeros({1}, at::kFloat).expand(shape);
  }
  bool has(const std::string&) const override { return true; }
  std::shared_ptr<const Kernels> kernels() const override { return kernels_; }

 private:
  std::shared_ptr<const Kernels> kernels_ = make_kernels(Compute::for_training());
};

// The trainable parameters of a model, in the order in which their gradients are sent.
struct Parts {
  std::vector<int64_t> sent;
  int64_t blocks = 0, tables = 0, encoder = 0, decoder = 0, across = 0, heads = 0;

  explicit Parts(const FourM& model) {
    const auto& entries = model.parameters().entries();
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (!entry->is_parameter) continue;
      const int64_t n = entry->value.numel();
      const std::string& name = entry->name;
      const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
      sent.push_back(n);
      (has("_embeddings.") ? tables : blocks) += n;
      if (name.starts_with("encoder.")) encoder += n;
      // Keys and values of the decoder are those of input tokens, and so is their projection.
      const bool of_inputs = has(".cross_attn.kv.") || name.starts_with("decoder_proj_context.");
      if (of_inputs) across += n;
      if (name.starts_with("decoder.") && !of_inputs) decoder += n;
      if (has(".to_logits.")) heads += n;
    }
  }
};

// Numbers that a backward pass needs of a token in a block, in widths: inputs of norms and matrices, queries, keys, values.
double kept_widths(const ModelConfig& c, bool decoder) {
  const double hidden = static_cast<double>(c.mlp_hidden()) / static_cast<double>(c.dim);
  const double mlp = c.gated_mlp ? 3 * hidden : 2 * hidden;
  const double encoder = 2 /* norm1, its input */ + 3 /* qkv */ + 1 /* attention */ + 2 /* norm2, its input */ + mlp;
  return decoder ? encoder + 2 /* query_norm, its input */ + 1 /* q */ + 1 /* attention */ : encoder;
}

// Bytes that a process sends for a sum at an owner, the mean over n processes. Gloo passes a tensor round a ring in segments of at
// most 1 MiB, at least two for each process; a process sends all but two. Then the parts of the sum are sent to the owner.
double sent_for_reduce(double bytes, double n) {
  constexpr double kSegment = 1 << 20;
  const double segments = n * std::max(2.0, std::ceil(bytes / (n * kSegment)));
  return bytes * ((segments - 2) / segments + (n - 1) / (n * n));
}

// Machines of several processes each, whose owners sum across machines (dist/data_parallel.h); else 1.
int64_t machines_of(const EstimateConfig& config) {
  const bool several = config.per_machine > 1 && config.processes % config.per_machine == 0;
  return several ? config.processes / config.per_machine : 1;
}

}  // namespace

Estimate estimate(const EstimateConfig& config, const ModelConfig& c, bool bf16) {
  check_batch(config.batch, config.processes, "a sample", "--batch");
  ShapeSource source;
  const FourM model(c, ModalityTable::official(), source, /*tie_heads=*/true);
  const Parts parts(model);
  const auto n = static_cast<double>(config.processes);
  const double numbers = static_cast<double>(parts.blocks + parts.tables);
  const double gradient_bytes = config.bf16_gradients ? 2 : 4;
  const int64_t machines = machines_of(config), owners = config.processes / machines;
  std::vector<double> owned(owners);
  double sent_for_owners = 0;
  for (const BucketPlan& bucket : plan_buckets(parts.sent, owners)) {
    owned[bucket.owner] += static_cast<double>(bucket.numel);
    sent_for_owners += sent_for_reduce(gradient_bytes * static_cast<double>(bucket.numel), static_cast<double>(owners));
  }
  const bool spread = config.shard != "none" && owners > 1;
  const double most_owned = *std::ranges::max_element(owned), share = spread ? most_owned : numbers;

  Estimate e;
  e.block_parameters = parts.blocks;
  e.table_parameters = parts.tables;
  e.weights = e.gradients = 4 * numbers;
  e.optimizer = 8 * share;
  e.averages = config.averages ? 4 * share : 0;

  const auto samples = static_cast<double>((config.batch + config.processes - 1) / config.processes);
  const auto inputs = static_cast<double>(config.input_tokens), targets = static_cast<double>(config.target_tokens);
  const auto width = static_cast<double>(c.dim);
  const auto encoder_blocks = static_cast<double>(c.encoder_depth),
             decoder_blocks = static_cast<double>(c.decoder_depth);
  // Attention: scores and the weighted sums of values. Targets see targets of their own modality, at most all.
  const double attention =
      4 * width * (encoder_blocks * inputs * inputs + decoder_blocks * targets * (targets + inputs));
  const double heads =
      static_cast<double>(parts.heads) / static_cast<double>(std::max<size_t>(1, model.decoder.embeddings().size()));
  const double forward = 2 * (static_cast<double>(parts.encoder + parts.across) * inputs +
                              (static_cast<double>(parts.decoder) + heads) * targets) +
                         attention;
  e.tflop_per_sample = forward * (config.checkpoint_activations ? 4 : 3) / 1e12;

  const double bytes = bf16 ? 2 : 4;
  const double of_blocks = inputs * encoder_blocks * kept_widths(c, false) +
                           targets * decoder_blocks * kept_widths(c, true) +
                           inputs * decoder_blocks * 4;  // context_norm, its input, keys and values
  const double borders = inputs * encoder_blocks + targets * decoder_blocks;
  const double one_block = std::max(inputs * kept_widths(c, false), targets * kept_widths(c, true) + 4 * inputs);
  e.activations =
      samples * width * (config.checkpoint_activations ? 4 * borders + bytes * one_block : bytes * of_blocks);

  // A sum for all, of two processes, goes round a ring twice. What owners have is broadcast: new weights, or sums.
  const auto m = static_cast<double>(machines), p = static_cast<double>(owners);
  const bool at_owners = spread || machines > 1 || owners > 2;
  const double of_gradients = at_owners ? sent_for_owners : (n - 1) / n * 2 * gradient_bytes * numbers;
  const double across = (m - 1) / m * 2 * gradient_bytes;  // for each number of an owner
  const double of_owners = at_owners ? (p - 1) / p * (spread ? 4 : gradient_bytes) * numbers : 0;
  e.sent = of_gradients + across * numbers / p + of_owners;
  const bool leaves_machine = config.processes > config.per_machine && machines == 1;
  const double bandwidth =
      1e9 * (leaves_machine ? std::min(config.network_bandwidth, config.machine_bandwidth) : config.machine_bandwidth);
  const double gradients = of_gradients / bandwidth + across * most_owned / (config.network_bandwidth * 1e9);
  e.communication = gradients + of_owners / bandwidth;
  const double micro_batch = samples * e.tflop_per_sample / config.tflops;
  e.compute = micro_batch * static_cast<double>(config.accumulate);
  // Gradients leave during the last backward pass, which is all but the forward pass; what owners broadcast after it.
  const double backward = micro_batch * (1 - 1.0 / (config.checkpoint_activations ? 4 : 3));
  e.step = e.compute + std::max(0.0, gradients - backward) + (e.communication - gradients);
  return e;
}

Json to_json(const Estimate& e, const EstimateConfig& config) {
  const double samples = static_cast<double>(config.batch * config.accumulate);
  return {{"block_parameters", e.block_parameters},
          {"table_parameters", e.table_parameters},
          {"weights_gib", e.weights / kGiB},
          {"gradients_gib", e.gradients / kGiB},
          {"optimizer_gib", e.optimizer / kGiB},
          {"averages_gib", e.averages / kGiB},
          {"activations_gib", e.activations / kGiB},
          {"memory_gib", e.memory() / kGiB},
          {"tflop_per_sample", e.tflop_per_sample},
          {"sent_gib", e.sent / kGiB},
          {"compute_s", e.compute},
          {"communication_s", e.communication},
          {"step_s", e.step},
          {"samples_per_s", samples / e.step}};
}

}  // namespace fourm
