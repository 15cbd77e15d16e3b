// Memory pages of the operating system.
#pragma once

#include <cstddef>
#include <memory>

namespace fourm {

constexpr size_t kLargePage = 2 << 20;

/// Zeroed memory that begins at a multiple of kLargePage, in huge pages where the system provides them: reading the matrices of
/// a network passes hundreds of small pages a millisecond. Released with the last owner. Throws std::bad_alloc.
std::shared_ptr<void> own_pages(size_t bytes);

}  // namespace fourm
