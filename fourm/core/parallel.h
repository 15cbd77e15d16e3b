// Threads for plain code. Tensor code uses ATen's own pool.
#pragma once

#include <cstdint>
#include <functional>

namespace fourm {

/// Calls body(i) for i in [0, n) on up to `threads` threads (0 = all processors). The order of the calls is not defined.
/// The first exception is rethrown once all threads have stopped.
void parallel_for(int64_t n, const std::function<void(int64_t)>& body, int threads = 0);

int processor_count();

}  // namespace fourm
