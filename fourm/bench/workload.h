// What `fourm bench` times. A family of workloads opens what it needs and gives the named ones ready to run; asked for none,
// it only makes the random weights that it would open.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/file.h"
#include "fourm/nn/precision.h"

namespace fourm {

/// Where weights come from and how they are computed with.
struct BenchSetting {
  fs::path model;                    ///< a model folder; empty: random weights of `size`, kept in `scratch`
  std::string size, dtype;           ///< of random weights: Ti, S, B, L or XL; stored as f32, f16 or bf16
  fs::path scratch;                  ///< random weights are written here once
  bool reference = false;            ///< plain products, nothing kept between steps
  std::optional<Precision> packing;  ///< nothing for the reference
};

struct Workload {
  std::string name;
  double ready = 0;               ///< seconds until it could run for the first time
  int64_t width = 0, hidden = 0;  ///< of the network: the peak is measured by products of this shape
  double passes = 1;              ///< forward passes that its products are worth: 3 with the backward pass
  std::function<void()> run;
};

/// roar1, maskgit8, caption, caption8, t2i: generation by one model.
std::vector<Workload> generation_workloads(const BenchSetting& setting, const std::vector<std::string>& names);
/// tok_encode (8 pictures), tok_decode (one picture, 25 DDIM steps), tok_decode8 (8 steps of DPM-Solver++), tok_step (one
/// denoising step): the official RGB tokenizer at 224 pixels with random weights.
std::vector<Workload> tokenizer_workloads(const BenchSetting& setting, const std::vector<std::string>& names);
/// train: steps of AdamW on 8 samples of 128 + 128 tokens; bfloat16 products when packing asks for them.
std::vector<Workload> training_workloads(const BenchSetting& setting, const std::vector<std::string>& names);

}  // namespace fourm
