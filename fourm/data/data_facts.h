// The description of a data set in the YAML files of its folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fourm/data/source.h"
#include "fourm/modality/modality.h"

namespace fourm {

/// Names of the labels of semseg by number: semseg_classes of dataset.yaml in a folder, that of a data set or a model;
/// empty where it states none.
std::vector<std::string> read_class_names(const fs::path& folder);

/// Writes dataset.yaml with the names of the labels from 0 on.
void write_class_names(const fs::path& folder, const std::vector<std::string>& names);

/// Read from dataset.yaml (`fourm rooms` writes one) and modalities.yaml (`fourm tokenize`), where they exist.
struct DataFacts {
  std::vector<std::string> classes;  ///< names of the labels of semseg, by number (semseg_classes); empty: not known
  ModalityTable modalities;          ///< those of modalities.yaml
  int64_t samples = 0;               ///< `count` of dataset.yaml; 0: not known
  static DataFacts read(const Source& source);
};

}  // namespace fourm
