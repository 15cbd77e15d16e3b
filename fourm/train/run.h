// The folder of a training run:
//
//   recipe.yaml                   the recipe with every key, as the run last used it
//   metrics.jsonl                 a line a record, in the order of steps
//   curves.svg                    the same as curves, updated after each evaluation
//   events.out.tfevents.*         the same for TensorBoard, with images
//   images/NAME-000500.png      what an evaluation shows
//   checkpoints/step-000500/      written beside, synced and renamed: there whole or not at all
//   best/                         the model of the best evaluation so far (training.keep_best)
//   model/                        the finished model
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "fourm/core/config.h"
#include "fourm/core/file_lock.h"
#include "fourm/core/json.h"
#include "fourm/io/event_file.h"

namespace fourm {

using Metrics = std::map<std::string, double>;

/// A recipe as a run folder keeps it and compares it with that of an earlier part of the run.
struct RunRecipe {
  YAML::Node values;  ///< every key
  std::vector<std::string>
      changeable;  ///< paths of the keys that may change when the run is resumed (KeyRole::kChangeable)
  /// The values of a stored recipe in today's keys. `format`: that of the file, 1 before files said it.
  std::function<YAML::Node(YAML::Node stored, const std::string& origin, int format)> read;
};

/// A recipe whose stored form has changed its meaning also has
///
///   void migrate_run(YAML::Node& stored, const std::string& origin, int format) const;  // or static
///
/// which rewrites it, or throws an Error that says why the run cannot be resumed with this recipe.
template <class Recipe>
RunRecipe run_recipe(const Recipe& recipe) {
  const auto read = [recipe](YAML::Node stored, const std::string& origin, int format) {
    if constexpr (requires { recipe.migrate_run(stored, origin, format); }) recipe.migrate_run(stored, origin, format);
    Recipe earlier;
    read_config(stored, earlier, origin);
    return to_yaml(earlier);
  };
  return {to_yaml(recipe), changeable_keys(recipe), read};
}

class RunFolder {
 public:
  struct Checkpoint {
    int64_t step;
    fs::path folder;
  };
  struct Change {
    std::string key, before, now;
  };

  /// Makes the folder, or opens it again. Error when a key that is not changeable has another value than before (says
  /// which), or when another process has the folder open.
  RunFolder(const fs::path& folder, const RunRecipe& recipe);

  /// The changeable keys whose values differ from those in the folder; none where it holds no run. Error naming the other
  /// keys that differ.
  static std::vector<Change> compare(const fs::path& folder, const RunRecipe& recipe);

  /// The value of a scalar key ("training.precision") in the recipe that a folder holds; nothing without it.
  static std::optional<std::string> stored_value(const fs::path& folder, const std::string& key);

  /// Whether another process has the run of the folder open.
  static bool is_open_elsewhere(const fs::path& folder);

  const fs::path& path() const { return folder_; }
  /// Changeable keys whose values differ from those of the earlier part of the run.
  const std::vector<Change>& changes() const { return changes_; }
  std::vector<Checkpoint> checkpoints() const;  ///< oldest first

  /// Writes the recipe and begins to record after step `step` (0: from the start): later records of an earlier attempt
  /// are dropped.
  void begin(int64_t step);
  /// One line {"step": step, kind: {...}} and scalars "kind/name".
  void record(int64_t step, const std::string& kind, const Metrics& metrics);
  /// Draws all records so far into curves.svg.
  void draw_curves() const;
  /// For TensorBoard, and as images/NAME-000500.png.
  void image(int64_t step, const std::string& name, std::string_view png);

  /// Which checkpoints stay: the newest ones, and those whose step is a multiple of `every` (0: none).
  struct Keep {
    int64_t newest, every;
  };
  /// A new empty folder for the files of a checkpoint.
  fs::path begin_checkpoint(int64_t step);
  /// The files in that folder are written and synced. Returns the folder of the checkpoint.
  fs::path complete_checkpoint(int64_t step, const Keep& keep);

 private:
  fs::path folder_;
  FileLock lock_;
  std::string recipe_text_;
  std::vector<Change> changes_;
  std::ofstream metrics_;
  std::optional<EventFile> events_;
};

}  // namespace fourm
