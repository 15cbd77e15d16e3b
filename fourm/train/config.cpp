#include "fourm/train/config.h"

#include "fourm/core/log.h"

namespace fourm {

void TrainingConfig::migrate(YAML::Node& node, const std::string& origin) {
  const YAML::Node& given = node;
  const YAML::Node skips = given["skip_non_finite"];
  if (!skips.IsDefined()) return;
  const bool skip = skips.as<bool>(true);
  warn(origin, ": 'training.skip_non_finite' is read as ", skip ? "the default of max_skipped" : "'max_skipped: 0'",
       "; the next version no longer reads it");
  node.remove("skip_non_finite");
  if (!skip && !given["max_skipped"].IsDefined()) node["max_skipped"] = 0;
}

}  // namespace fourm
