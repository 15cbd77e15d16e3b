#include "fourm/model/stored_config.h"

#include "fourm/core/error.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"

namespace fourm {

ModelConfig stored_config(const fs::path& given) {
  const fs::path path = model_folder(given);
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return read_model_config(path / "config.json");
  return stored_config(path, open_weights(path));
}

ModelConfig stored_config(const fs::path& given, const SafetensorsFile& weights) {
  const fs::path path = model_folder(given);
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return read_model_config(path / "config.json");
  if (has_model_config(weights)) return read_model_config(weights);
  const fs::path json = path.parent_path() / "config.json";
  check(fs::exists(json, ignored), path.string(),
        ": the header has no model config, and there is no config.json beside it");
  return read_model_config(json);
}

}  // namespace fourm
