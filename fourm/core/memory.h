// How the process keeps its memory.
#pragma once

namespace fourm {

/// Freed memory stays with the process for the next step: giving it back to the system and asking again costs small models
/// 7 % of a training step and 3 % of an answer. For the whole process, so for programs to ask, not for libraries.
void keep_freed_memory();

}  // namespace fourm
