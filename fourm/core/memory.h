// How the process keeps its memory.
#pragma once

#include <cstddef>

namespace fourm {

/// Freed memory stays with the process for the next step: giving it back to the system and asking again costs small models
/// 7 % of a training step and 3 % of an answer. For the whole process, so for programs to ask, not for libraries.
void keep_freed_memory();

/// Asks for large pages, where the system gives them on request, for memory that has not been written yet: reading a network's
/// matrices end to end meets hundreds of small ones a millisecond.
void prefer_large_pages(const void* data, size_t bytes);

}  // namespace fourm
