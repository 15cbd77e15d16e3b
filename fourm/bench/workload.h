// What `fourm bench` times.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/file.h"
#include "fourm/nn/precision.h"

namespace fourm {

/// Where weights come from and how they are computed with.
struct BenchSetting {
  fs::path model;                    ///< a model folder; empty: random weights of `size`, kept below `scratch`
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
  /// Calls the function between its steps, if it has several.
  std::function<void(const std::function<void()>& between_steps)> run;
};

/// Workloads that share what they open.
struct Family {
  std::vector<std::string> names;
  /// Those of the given names, ready to run; asked for none, it only makes the random weights that it would open.
  std::vector<Workload> (*open)(const BenchSetting& setting, const std::vector<std::string>& names);
};

/// Generation by one model: depth in one step of ROAR, normals in 8 of MaskGIT, one and 8 captions, an image from a text.
Family generation_family();
/// The official RGB tokenizer at 224 pixels with random weights: encoding 8 images; decoding one by 25 DDIM steps, by 8 of
/// DPM-Solver++ and for a single denoising step.
Family tokenizer_family();
/// Steps of AdamW on 8 samples of 128 + 128 tokens; bfloat16 products when packing asks for them.
Family training_family();

template <class Task>
std::vector<std::string> names_of(const std::map<std::string, Task>& tasks) {
  std::vector<std::string> names;
  for (const auto& task : tasks) names.push_back(task.first);
  return names;
}

}  // namespace fourm
