// Rows of all processes, for losses that compare each row with all others and for statistics of all.
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/dist/process_group.h"

namespace fourm {

/// The rows [n, ...] of all processes, those of rank 0 first. Gradients reach the rows of this process alone.
Tensor all_gather_rows(const Tensor& own, const ProcessGroup& group);

}  // namespace fourm
