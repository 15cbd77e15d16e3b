// Tensors by name, from a file or a list.
#pragma once

#include <map>
#include <string>

#include "fourm/nn/parameters.h"

namespace fourm::test {

using TensorMap = std::map<std::string, Tensor>;

inline TensorMap to_map(const NamedTensors& tensors) { return {tensors.begin(), tensors.end()}; }

inline TensorMap read_all(const fs::path& path) {
  TensorMap tensors;
  const auto file = SafetensorsFile::open(path);
  for (const auto& t : file.tensors()) tensors[t.name] = view_of(file, t).clone();
  return tensors;
}

}  // namespace fourm::test
