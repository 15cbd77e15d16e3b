// Times the workloads of docs/performance.md, by the fast engine and by the reference in turn.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fourm/core/json.h"

namespace fourm {

struct BenchConfig {
  std::vector<std::string> workloads;  ///< those of bench/workload.h, by name
  fs::path model;                      ///< a model folder; or:
  std::string size;                    ///< Ti, S, B, L or XL: random weights of that official size
  fs::path save;                       ///< where random weights go and are found again; default: a temporary folder
  std::string dtype = "f32";           ///< what random weights are stored as: f32, f16 or bf16
  std::vector<std::string> engines{"fast"};
  std::string precision = "f32";
  int64_t repeats = 3;
  std::function<void()> release_memory;  ///< returns memory that the program keeps, before the peak is measured
};

/// Calls `line` with one record a workload and engine: workload, engine, precision, size, threads, median_s, all, ready_s
/// (until the model is open), first_s (until the first result), rss_gib (peak of the process while the workload runs, with
/// all that is packed by then), gflop (in matrix products), peak_gflops (of the engine's packed products alone, before, between
/// and after a run's steps) and peak_share; in float32 also onednn_gflops and onednn_share, by oneDNN's packed product.
void bench(const BenchConfig& config, const std::function<void(const Json&)>& line);

}  // namespace fourm
