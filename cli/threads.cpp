#include "cli/threads.h"

#include <ATen/Parallel.h>

#include "fourm/core/parallel.h"

namespace fourm {

void use_threads(int64_t count) { at::set_num_threads(count > 0 ? static_cast<int>(count) : processor_count()); }

}  // namespace fourm
