// How the process keeps its memory.
#pragma once

#include <cstddef>
#include <memory>

namespace fourm {

/// Freed memory stays with the process for the next step: giving it back to the system and asking again costs small models
/// 7 % of a training step and 3 % of an answer. For the whole process, so for programs to ask, not for libraries.
void keep_freed_memory();

/// What keep_freed_memory() has kept until now goes back to the system where it is much; nothing, in a program that does not keep.
void give_back_freed_memory();

/// Memory for what stays, apart from what comes and goes: in large pages where the system gives them on request, since reading a
/// network's matrices end to end meets hundreds of small ones a millisecond. Zeros; throws std::bad_alloc.
std::shared_ptr<void> lasting_memory(size_t bytes);

}  // namespace fourm
