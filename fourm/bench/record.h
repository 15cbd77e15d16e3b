// The result of timing one workload by one engine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fourm/core/json.h"

namespace fourm {

struct BenchRecord {
  /// A matrix multiplication alone, and what the workload reaches of it; medians over the runs.
  struct Peak {
    double gflops = 0;  ///< GFLOP/s of the matrix multiplication before, between and after the steps of a run
    double share = 0;   ///< GFLOP/s of the workload over these
  };

  std::string workload, engine, precision, device;
  std::string size;  ///< of random weights; empty for a model folder
  int threads = 0;
  std::vector<double> seconds;  ///< of each timed run
  double median = 0;            ///< of `seconds`
  double ready = 0;             ///< seconds until the model is open
  double first = 0;             ///< seconds until the first result
  double samples_per_second = 0;
  /// Peak memory while the workload runs: of the process, packed weights included, or, of a GPU, that of tensors on it.
  double memory_gib = 0;
  double gflop = 0;            ///< of the workload's matrix multiplications
  Peak peak;                   ///< of the engine's own packed matrix multiplication
  std::optional<Peak> onednn;  ///< of oneDNN's, in float32 where the build has it
};

/// {"workload", "engine", "precision", "device", "size", "threads", "median_s", "all", "ready_s", "first_s",
/// "samples_per_s", "memory_gib",
/// "gflop", "onednn_gflops", "onednn_share", "peak_gflops", "peak_share"}; without the two of oneDNN where it was not measured.
Json to_json(const BenchRecord& record);

}  // namespace fourm
