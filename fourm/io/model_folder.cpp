#include "fourm/io/model_folder.h"

#include "fourm/core/error.h"

namespace fourm {

bool is_run_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path / "recipe.yaml", ignored) && fs::is_directory(path / "checkpoints", ignored);
}

std::string newest_checkpoint(const fs::path& run) {
  std::string newest;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", ignored)) {
    const std::string name = entry.path().filename().string();
    const auto rank = [](const std::string& step) { return std::pair(step.size(), step); };  // as numbers
    if (name.starts_with("step-") && rank(name) > rank(newest)) newest = name;
  }
  return newest;
}

fs::path model_folder(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored) || fs::exists(path / "config.json", ignored)) return path;
  check(!fs::exists(path / "optimizer.safetensors", ignored) || !fs::exists(path / "state.json", ignored),
        path.string(), ": is a checkpoint of training; give its run folder, whose finished model is in model/");
  if (!is_run_folder(path)) return path;
  if (fs::exists(path / "model" / "config.json", ignored)) return path / "model";
  const std::string newest = newest_checkpoint(path);
  fail(path.string(), ": the training run has no finished model yet (",
       newest.empty() ? "no checkpoint so far" : "newest checkpoint: " + newest,
       "); the same training command continues it");
}

fs::path folder_of_model(const fs::path& path) {
  std::error_code ignored;
  const fs::path model = model_folder(path);
  return fs::is_directory(model, ignored) ? model : model.parent_path();
}

}  // namespace fourm
