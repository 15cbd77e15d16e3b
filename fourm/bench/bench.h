// Times the workloads of docs/performance.md, by several engines in turn.
#pragma once

#include <functional>

#include "fourm/bench/record.h"
#include "fourm/core/config.h"

namespace fourm {

struct BenchConfig {
  std::vector<std::string> workloads;
  std::string model, size, save;
  std::string dtype = "f32";
  std::vector<std::string> engines{"fast", "reference"};
  std::string precision = "f32", device = "cpu";
  int64_t repeats = 3, samples = 8;
  std::function<void()> release_memory;  ///< releases memory that the program caches, before the peak is measured

  template <class Visitor>
  void fields(Visitor& v) {
    v("workloads", workloads,
      "roar1 (image -> depth, one step), maskgit8 (image -> normals, 8 steps), caption, caption8 (eight images), t2i "
      "(text -> image, 25 steps), sr448 (super-resolution to 448 pixels, two steps); of the official RGB tokenizer: "
      "tok_encode (8 images), tok_decode (one, 25 DDIM "
      "steps), tok_decode8 (one, 8 steps of DPM-Solver++), tok_step (one step); train (a step of 8 samples, 128 + 128 "
      "tokens), finetune (a step of 8 images, encoder and linear head)");
    v("model", model, "model folder");
    v("size", size, "random weights of an official size instead: Ti, S, B, L or XL");
    v("save", save, "folder for the random weights, which are used again; default: a temporary one");
    v("dtype", dtype, "what random weights are stored as", OneOf{{"f32", "f16", "bf16"}});
    v("engines", engines, "fast, reference, or both in turn");
    v("precision", precision, "precision of the fast engine", OneOf{{"f32", "bf16", "f16", "int8", "auto"}});
    v("device", device, "cpu, cuda, cuda:N, or auto: a GPU where there is one");
    v("samples", samples, "samples in a step or batch of train, finetune, tok_encode and caption8", Range{1, 1 << 16});
    v("repeats", repeats, "timed runs after one warm-up run", Range{1, 1000});
  }
};

/// Calls `report` with one record for each workload and engine. Error on an unknown workload, and unless one of `model` and
/// `size` is given.
void bench(const BenchConfig& config, const std::function<void(const BenchRecord&)>& report);

}  // namespace fourm
