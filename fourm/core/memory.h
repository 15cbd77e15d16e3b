// Pages from the system.
#pragma once

#include <cstddef>
#include <memory>

namespace fourm {

constexpr size_t kLargePage = 2 << 20;

/// Zeros in pages of their own, from a multiple of kLargePage on: large ones where the system provides them, since
/// reading a network's matrices end to end meets hundreds of small ones a millisecond. Without their owner they go back.
/// Throws std::bad_alloc.
std::shared_ptr<void> own_pages(size_t bytes);

}  // namespace fourm
