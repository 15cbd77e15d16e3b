// Options of the training loop. Plain: the command line reads recipes without tensor headers.
#pragma once

#include <functional>

#include "fourm/core/config.h"
#include "fourm/train/schedule.h"

namespace fourm {

struct OptimizerConfig {
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.05, clip_norm = 0, skip_norm = 0, layer_decay = 1;

  template <class Visitor>
  void fields(Visitor& v) {
    v("beta1", beta1, "decay of the mean of gradients", Range{0, 1});
    v("beta2", beta2, "decay of the mean of squared gradients", Range{0, 1});
    v("epsilon", epsilon, "epsilon of Adam, added to the denominator", at_least(0));
    v("weight_decay", weight_decay, "decoupled weight decay; norms, biases and layer scales have none", at_least(0));
    v("clip_norm", clip_norm, "maximum global gradient norm (clipping); 0 = no clipping", at_least(0));
    v("skip_norm", skip_norm,
      "a step whose global gradient norm is at least this is skipped, before clipping; 0 = never", at_least(0));
    v("layer_decay", layer_decay,
      "layer-wise learning rate decay: the rate of a block is this factor times that of the next block towards the "
      "output; heads have the full rate; 1 = none",
      Range{0, 1});
  }
};

/// A phase at the beginning of a run.
struct PhaseConfig {
  int64_t steps = 0;
  std::vector<std::string> learn;
  ScheduleConfig schedule;

  template <class Visitor>
  void fields(Visitor& v) {
    v("steps", steps, "optimizer steps of the phase", at_least(1));
    v("learn", learn,
      "names of the tensors that are trainable in it, with * for any characters; the others are frozen; empty = those "
      "that are trainable after the phases");
    v("schedule", schedule, "its learning rate; its steps are counted from the beginning of the phase");
  }
};

/// Low-rank adapters (Hu et al. 2021, "LoRA: low-rank adaptation of large language models").
struct LoraConfig {
  int64_t rank = 0;
  double alpha = 8;
  std::vector<std::string> matrices{"*attn.*"};

  template <class Visitor>
  void fields(Visitor& v) {
    v("rank", rank, "rank of the change of each matrix; 0 = no adapters, the weights themselves are trained",
      at_least(0));
    v("alpha", alpha, "the change is multiplied by alpha / rank", at_least(0));
    v("matrices", matrices,
      "which matrices of blocks change, with * for any characters: *attn.*, *mlp.*, encoder.*, *.qkv, ...");
  }
};

struct TrainingConfig {
  int64_t steps = 1000, accumulate = 1;
  std::string precision = "auto", device = "cpu";
  ScheduleConfig schedule;
  std::vector<PhaseConfig> phases;
  OptimizerConfig optimizer;
  LoraConfig lora;
  double ema_decay = 0, drop_path = 0;
  bool checkpoint_activations = false, keep_best = false;
  int64_t max_skipped = 100, log_every = 20, evaluate_every = 500, checkpoint_every = 500, keep_checkpoints = 2,
          keep_every = 0, threads = 0;
  std::string shard = "none", gradient_precision = "f32";
  double timeout = 60;

  template <class Visitor>
  void fields(Visitor& v) {
    v("steps", steps, "optimizer steps of the run", KeyRole::kChangeable, at_least(1));
    v("accumulate", accumulate, "micro-batches per step", at_least(1));
    v("precision", precision,
      "precision of matrix multiplications: f32, bf16 (weights stay float32), or auto: that of the run so far; in a "
      "new run bf16 "
      "where the device is fast at it, else f32",
      OneOf{{"auto", "f32", "bf16"}});
    v("device", device, "cpu, cuda, cuda:N, or auto: a GPU where there is one", KeyRole::kChangeable);
    v("schedule", schedule, "learning rate");
    v("phases", phases,
      "phases at the beginning of the run with a learning rate and trainable tensors of their own; the rest of "
      "training.steps follows training.schedule");
    v("optimizer", optimizer, "AdamW");
    v("lora", lora, "low-rank adapters are trained instead of the weights; for pre-training");
    v("drop_path", drop_path,
      "stochastic depth: probability with which each residual branch of the last block is left out, for each sample; "
      "it rises evenly from 0 at the first block; for pre-training and fine-tuning",
      Range{0, 0.99});
    v("ema_decay", ema_decay,
      "keep an average of weights and codebooks, which is evaluated and saved as the model; 0 = none", Range{0, 1});
    v("max_skipped", max_skipped,
      "steps of the whole run that may be skipped because their loss or gradient is not finite or reaches "
      "optimizer.skip_norm; one more ends the run. Steps of tokenizers cannot be skipped",
      KeyRole::kChangeable, at_least(0));
    v("checkpoint_activations", checkpoint_activations,
      "compute the activations inside Transformer blocks again in the backward pass instead of keeping them: less "
      "memory for one more forward pass; for pre-training and fine-tuning",
      KeyRole::kChangeable);
    v("keep_best", keep_best,
      "the finished model is that of the best evaluation (by top1, mIoU, delta1, AP or the loss), which is in best/ "
      "during the run; false: that of the last step",
      KeyRole::kChangeable);
    v("log_every", log_every, "steps between records of the training loss", KeyRole::kChangeable, at_least(1));
    v("evaluate_every", evaluate_every, "steps between evaluations; 0 = only at the end", KeyRole::kChangeable,
      at_least(0));
    v("checkpoint_every", checkpoint_every, "steps between checkpoints; 0 = only at the end", KeyRole::kChangeable,
      at_least(0));
    v("keep_checkpoints", keep_checkpoints, "newest checkpoints that are kept", KeyRole::kChangeable, at_least(1));
    v("keep_every", keep_every, "checkpoints of steps that this divides are kept too; 0 = none", KeyRole::kChangeable,
      at_least(0));
    v("threads", threads,
      "processor threads that the program uses; 0 = all, shared evenly by the processes of a machine. Runs are "
      "bit-identical only with the same number",
      KeyRole::kChangeable, at_least(0));
    v("shard", shard,
      "what is sharded over the processes instead of replicated in each: none; optimizer (its state and averages, "
      "ZeRO-1); or gradients too (ZeRO-2). Results are bit-identical for all values, except that NCCL may sum in "
      "another order for none",
      KeyRole::kChangeable, OneOf{{"none", "optimizer", "gradients"}});
    v("gradient_precision", gradient_precision,
      "f32, or bf16: what gradients are rounded to before they are sent to other processes, which then takes half the "
      "time",
      OneOf{{"f32", "bf16"}});
    v("timeout", timeout,
      "seconds after which the run ends when one of its processes has not joined, does not respond or hangs",
      KeyRole::kChangeable, Range{1, 86400});
  }
  /// skip_non_finite of earlier versions: false is max_skipped = 0.
  static void migrate(YAML::Node& node, const std::string& origin);
};

/// Asks a training to stop: it is called once after each step, and when it returns true the step is saved and the run
/// ends. Empty: never. It may be called while signal handlers or other threads change what it reads.
using StopToken = std::function<bool()>;

struct Outcome {
  int64_t step;   ///< steps done
  bool finished;  ///< false: the stop token ended the run, which is saved; the same command resumes it

  /// Error naming the run folder unless it finished.
  void check_finished(const std::string& folder) const {
    check(finished, folder, ": stopped at step ", step, " and saved; the same command resumes the run");
  }
};

}  // namespace fourm
