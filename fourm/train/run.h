// The folder of a training run:
//
//   recipe.yaml                   the resolved recipe
//   metrics.jsonl                 a line a record, in the order of steps
//   curves.svg                    the same as curves, drawn anew after each evaluation
//   events.out.tfevents.*         the same for TensorBoard, with pictures
//   pictures/NAME-000500.png      what an evaluation shows
//   checkpoints/step-000500/      written beside, synced and renamed: there whole or not at all
//   model/                        the finished model
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <optional>

#include "fourm/core/json.h"
#include "fourm/io/event_file.h"

namespace fourm {

using Metrics = std::map<std::string, double>;

class RunFolder {
 public:
  struct Checkpoint {
    int64_t step;
    fs::path folder;
  };

  /// Makes the folder, or opens it again. Error when it holds a run of another recipe (says which keys differ), or when
  /// another process has it open.
  RunFolder(const fs::path& folder, const YAML::Node& recipe);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const fs::path& path() const { return folder_; }
  std::optional<Checkpoint> latest() const;

  /// Begins to record after step `step` (0: from the start): later records of an earlier attempt are dropped.
  void begin(int64_t step);
  /// One line {"step": step, kind: {...}} and scalars "kind/name".
  void record(int64_t step, const std::string& kind, const Metrics& metrics);
  /// Draws all records so far into curves.svg.
  void draw_curves() const;
  /// For TensorBoard, and as pictures/NAME-000500.png.
  void picture(int64_t step, const std::string& name, std::string_view png);

  /// `fill` writes the files into the folder that it is given. The newest `keep` checkpoints stay.
  void checkpoint(int64_t step, int64_t keep, const std::function<void(const fs::path&)>& fill);

 private:
  std::vector<Checkpoint> checkpoints() const;  // oldest first
  fs::path folder_;
  int lock_ = -1;
  std::ofstream metrics_;
  std::optional<EventFile> events_;
};

}  // namespace fourm
