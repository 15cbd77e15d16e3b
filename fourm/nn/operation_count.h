// Matrix products that LibTorch's dispatcher does not see, made known to those who count them (bench).
#pragma once

#include <ATen/record_function.h>

namespace fourm {

/// Tells LibTorch's observers, if there are any, of so many operations (two a multiply-add).
inline void count_operations(const char* name, double operations) {
  RECORD_FUNCTION(name, std::vector<c10::IValue>{operations});
}

}  // namespace fourm
