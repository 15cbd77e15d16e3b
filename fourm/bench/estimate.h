// The cost model of pre-training: memory, time and communication of a step for any size of model on any number of processes.
// docs/distributed.md has the formulae.
#pragma once

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/model/config.h"

namespace fourm {

struct EstimateConfig {
  int64_t processes = 1, per_machine = 8, batch = 256, accumulate = 1, input_tokens = 128, target_tokens = 128;
  std::string shard = "none";
  bool averages = false, checkpoint_activations = false, bf16_gradients = false;
  double tflops = 400, machine_bandwidth = 300, network_bandwidth = 50;

  template <class Visitor>
  void fields(Visitor& v) {
    v("processes", processes, "with --estimate: processes, one for each GPU", Range{1, 1 << 20});
    v("per_machine", per_machine, "with --estimate: processes of a machine", Range{1, 1024});
    v("batch", batch, "with --estimate: samples per micro-batch of all processes together", at_least(1));
    v("accumulate", accumulate, "with --estimate: micro-batches per step", at_least(1));
    v("input_tokens", input_tokens, "with --estimate: input tokens per sample", at_least(1));
    v("target_tokens", target_tokens, "with --estimate: target tokens per sample", at_least(1));
    v("shard", shard, "with --estimate: as training.shard", OneOf{{"none", "optimizer", "gradients"}});
    v("averages", averages, "with --estimate: averages of the weights are kept (training.ema_decay)");
    v("checkpoint_activations", checkpoint_activations, "with --estimate: as training.checkpoint_activations");
    v("bf16_gradients", bf16_gradients, "with --estimate: training.gradient_precision is bf16");
    v("tflops", tflops, "with --estimate: TFLOP/s that a process reaches in matrix multiplications", Range{1e-3, 1e6});
    v("machine_bandwidth", machine_bandwidth, "with --estimate: GB/s that a process sends inside its machine",
      Range{1e-3, 1e6});
    v("network_bandwidth", network_bandwidth, "with --estimate: GB/s that a process sends to another machine",
      Range{1e-3, 1e6});
  }
};

/// Of one process; where they differ, of the one that has most. Bytes, seconds.
struct Estimate {
  int64_t block_parameters = 0;  ///< trainable parameters of the blocks, norms and the context projection
  int64_t table_parameters = 0;  ///< and in embeddings and heads
  double weights = 0, gradients = 0, optimizer = 0, averages = 0, activations = 0;  ///< bytes
  double memory() const { return weights + gradients + optimizer + averages + activations; }
  double tflop_per_sample = 0;            ///< of matrix multiplications and attention, forward and backward
  double sent = 0;                        ///< bytes that it sends for them, the mean over the processes
  double compute = 0, communication = 0;  ///< seconds, each alone
  double step = 0;  ///< seconds, with the gradient reduction overlapped with the last backward pass
};

/// `bf16`: matrix multiplications and activations inside blocks are bfloat16. Error when a process would have no sample.
Estimate estimate(const EstimateConfig& config, const ModelConfig& model, bool bf16);

/// {"block_parameters", ..., "samples_per_s"}: the fields above, bytes as "..._gib" of GiB.
Json to_json(const Estimate& estimate, const EstimateConfig& config);

}  // namespace fourm
