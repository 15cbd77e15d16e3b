// Generation for many samples, in batches, with restart: what `fourm generate` does.
#pragma once

#include "fourm/generate/result_files.h"
#include "fourm/generate/sample_list.h"

namespace fourm {

struct BatchOptions {
  fs::path out{};
  int64_t batch = 16;      ///< samples that are read together, and results that are generated together; 1 or more
  int64_t variations = 1;  ///< results of each sample, 1 or more
  int64_t worker = 0, workers = 1;  ///< every workers-th batch, from number `worker` on; 0 <= worker < workers
  bool overwrite = false;  ///< files that are no results of these settings are replaced; otherwise they are an Error
  /// The model of a second stage. It reads the inputs and results of the first that it knows (paper appendix A.1), and
  /// generates the targets of the settings' super_resolution_plan.
  const Pipeline* super_resolution = nullptr;
  const DepthUnits* units = nullptr;  ///< null: as dataset.yaml states them
  /// True: the run ends, after the present step, token of a text or denoising step. Called often.
  std::function<bool()> stop{};
  /// Called with the canvas of each result after its files were written, in order; not for results that are kept.
  std::function<void(const Canvas&, const ResultPlace&)> on_result{};
};

struct BatchReport {
  int64_t samples = 0;    ///< of this worker
  int64_t kept = 0;       ///< of them, those of an earlier run with the same settings and inputs
  int64_t failed = 0;     ///< samples whose input could not be read
  int64_t undecoded = 0;  ///< results whose tokens could not be decoded
  bool finished = true;   ///< false: stopped
  /// By sample: {"name", "digests", "inputs", "results": [{MODALITY: {"files", "text", "failure"}}] (one a variation), "failure"}.
  Json results = Json::array();
};

/// The settings' plan is run on each sample. Results are written as they are ready. OUT/manifest.json (of several workers
/// manifest-K-of-N.json) lists settings and results at the end. Until then a journal beside it does, from which the same
/// call resumes. Batches are the same in every run, so that results are, too. A sample whose inputs have changed since
/// (SampleList::contents) is generated again, with a note; a single sample is then an Error without `overwrite`. A sample
/// whose input cannot be read is a warning and has the reason in "failure"; of a single sample it is an Error.
BatchReport generate_batches(const Pipeline& pipeline, const SampleList& samples, const GenerationSettings& settings,
                             const BatchOptions& options);

}  // namespace fourm
