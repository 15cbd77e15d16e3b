// The number of threads that tensor code uses.
#pragma once

#include <cstdint>

namespace fourm {

/// For the whole process; 0 = one for each processor.
void use_threads(int64_t count);

}  // namespace fourm
