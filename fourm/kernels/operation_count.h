// Reports matrix multiplications that LibTorch's dispatcher does not see to its profiler (used by bench).
#pragma once

#include <ATen/record_function.h>

namespace fourm {

/// Reports the operations (two for each multiply-add) to the observers that LibTorch has, if any.
inline void count_operations(const char* name, double operations) {
  RECORD_FUNCTION(name, std::vector<c10::IValue>{operations});
}

}  // namespace fourm
