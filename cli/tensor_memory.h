// How the program keeps the memory of tensors.
#pragma once

namespace fourm {

/// Memory that tensors free is kept by the process for the next ones (core/page_cache.h). Returning it to the system and
/// asking again would cost small models 7 % of a training step and 3 % of a generation. Replaces LibTorch's allocator.
void keep_freed_memory();

/// Returns the memory that is kept now to the system.
void release_freed_memory();

}  // namespace fourm
