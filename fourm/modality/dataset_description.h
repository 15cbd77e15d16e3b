// Where a data set is described.
#pragma once

#include "fourm/core/file.h"

namespace fourm {

inline constexpr const char* kDatasetDescription = "dataset.yaml";

/// The dataset.yaml in the folder, or in the nearest of the four above it; empty when there is none.
inline fs::path nearest_dataset_description(const fs::path& first) {
  constexpr int kFoldersAbove = 4;
  std::error_code ignored;
  fs::path folder = fs::absolute(first.empty() ? fs::path(".") : first, ignored).lexically_normal();
  for (int i = 0; i <= kFoldersAbove; ++i, folder = folder.parent_path())
    if (fs::is_regular_file(folder / kDatasetDescription, ignored)) return folder / kDatasetDescription;
  return {};
}

}  // namespace fourm
