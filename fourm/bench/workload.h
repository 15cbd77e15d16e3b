// The workloads that `fourm bench` times.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/file.h"
#include "fourm/kernels/compute.h"

namespace fourm {

/// The source of the weights and the arithmetic.
struct BenchSetting {
  fs::path model;           ///< a model folder; empty: random weights of `size`, kept below `scratch`
  std::string size, dtype;  ///< of random weights: Ti, S, B, L or XL; stored as f32, f16 or bf16
  fs::path scratch;         ///< random weights are written here once
  int64_t samples = 8;      ///< of the workloads that run several
  Compute compute;          ///< device, precision and kernels
};

struct Workload {
  std::string name;
  int64_t samples = 1;            ///< of a run
  double ready = 0;               ///< seconds until it could run for the first time
  int64_t width = 0, hidden = 0;  ///< of the network: the shape of the matrix multiplication that measures the peak
  double passes = 1;              ///< multiplies the counted operations of the forward pass: 3 with the backward pass
  /// Runs once. Calls the function between its steps, if it has several.
  std::function<void(const std::function<void()>& between_steps)> run;
};

/// Workloads that share a model.
struct Family {
  std::vector<std::string> names;
  /// Returns the workloads of the given names, ready to run. Without names it only writes the random weights.
  std::vector<Workload> (*open)(const BenchSetting& setting, const std::vector<std::string>& names);
};

/// Generation by one model: depth in one step of ROAR, normals in 8 of MaskGIT, one and 8 captions, an image from a text.
Family generation_family();
/// Two of the sixteen steps of super-resolution from 224 to 448 pixels: the first of CLIP features and the first of RGB,
/// 784 tokens each, from a caption and 392 tokens, with guidance.
Family super_resolution_family();
/// The official RGB tokenizer at 224 pixels with random weights: encoding 8 images; decoding one by 25 DDIM steps, by 8 of
/// DPM-Solver++ and for a single denoising step.
Family tokenizer_family();
/// Steps of AdamW on 8 samples of 128 + 128 tokens; bfloat16 matrix multiplications when the precision is bf16.
Family training_family();
/// Steps of AdamW on 8 images of 224 pixels: the encoder with a linear head of 1,000 classes.
Family finetuning_family();

template <class Task>
std::vector<std::string> names_of(const std::map<std::string, Task>& tasks) {
  std::vector<std::string> names;
  for (const auto& task : tasks) names.push_back(task.first);
  return names;
}

}  // namespace fourm
