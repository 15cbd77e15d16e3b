#include "fourm/core/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace fourm {
namespace {

TEST(OwnPages, AreAlignedZeroAndWritableToTheEnd) {
  for (const size_t bytes : {size_t{1}, size_t{4096}, kLargePage - 1, kLargePage, kLargePage + 1, 3 * kLargePage}) {
    const auto first = own_pages(bytes), second = own_pages(bytes);
    for (const auto& pages : {first, second}) {
      ASSERT_NE(pages, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(pages.get()) % kLargePage, 0u) << bytes;
      auto* begin = static_cast<unsigned char*>(pages.get());
      EXPECT_EQ(std::count(begin, begin + bytes, 0), static_cast<std::ptrdiff_t>(bytes));
      std::fill(begin, begin + bytes, 1);
    }
  }
}

TEST(OwnPages, MoreThanTheAddressSpaceIsBadAlloc) { EXPECT_THROW(own_pages(size_t{1} << 60), std::bad_alloc); }

}  // namespace
}  // namespace fourm
