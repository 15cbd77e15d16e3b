// Writes the checkpoints of a run while the training continues, one at a time.
//
// start() copies the tensors and returns; a thread of each process writes them to its files. When all processes have written
// theirs, the first process adds state.json with the checksums and renames the folder: the checkpoint is there whole or not at
// all.
#pragma once

#include <atomic>
#include <future>
#include <map>
#include <optional>

#include "fourm/dist/process_group.h"
#include "fourm/nn/parameters.h"
#include "fourm/train/run.h"

namespace fourm {

/// A safetensors file of a checkpoint.
struct CheckpointFile {
  std::string name;
  NamedTensors tensors;
  std::map<std::string, std::string> metadata{};
};

class CheckpointWriter {
 public:
  /// `run`: the run folder in the first process, null in the others.
  CheckpointWriter(const ProcessGroup& group, RunFolder* run, const RunFolder::Keep& keep);
  /// Ends after the file that is being written; a checkpoint that is not complete is dropped.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // All processes of the group call these together. The Error of a file that a process could not write is thrown by the next of
  // them in that process, and as a GroupError in the others.

  /// Begins the checkpoint of a step, after the one before is complete. `files`: those of this process; their tensors may change
  /// after the call. `state`: what state.json of the first process holds beside the checksums.
  void start(int64_t step, const std::vector<CheckpointFile>& files, const Json& state);
  /// Completes the checkpoint if all processes have written their files.
  void poll();
  /// Waits for the files and completes the checkpoint.
  void wait();

  /// The newest complete checkpoint that this object has written, in the first process.
  const fs::path& newest() const { return newest_; }

 private:
  using Checksums = std::map<std::string, std::string>;  // file name -> checksum

  void complete();

  ProcessGroup group_;
  RunFolder* run_;
  RunFolder::Keep keep_;
  fs::path folder_, newest_;
  Json state_;
  std::optional<int64_t> step_;  // of the checkpoint that is being written
  std::atomic<bool> cancelled_{false};
  std::future<Checksums> files_;
  std::optional<Checksums> checksums_;  // of this process, when its files are written
};

}  // namespace fourm
