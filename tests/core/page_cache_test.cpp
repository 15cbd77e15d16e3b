// Pages that are kept, and how many.
#include "fourm/core/page_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "fourm/core/memory.h"

namespace fourm {
namespace {

constexpr size_t kMega = 1 << 20;

TEST(PageCache, WhatIsKeptServesTheNextOfAboutItsSize) {
  PageCache cache;
  void* const first = cache.take(10 * kMega);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % kLargePage, 0u);
  std::memset(first, 1, 10 * kMega);
  EXPECT_TRUE(cache.keep(first));
  void* const larger = cache.take(11 * kMega);
  EXPECT_NE(larger, first);
  void* const much_smaller = cache.take(5 * kMega);
  EXPECT_NE(much_smaller, first);
  EXPECT_EQ(cache.take(7 * kMega), first);
}

TEST(PageCache, OthersMemoryIsNotTaken) {
  PageCache cache;
  int own = 0;
  EXPECT_FALSE(cache.keep(&own));
  EXPECT_FALSE(cache.keep(nullptr));
  const auto pages = own_pages(kMega);
  EXPECT_FALSE(cache.keep(pages.get()));
  void* const data = cache.take(kMega);
  EXPECT_TRUE(cache.keep(data));
  EXPECT_FALSE(cache.keep(data)) << "given back already";
}

TEST(PageCache, HoldsLittleMoreThanWasUsedAtOnce) {
  PageCache cache;
  std::mt19937 random(1);
  std::vector<void*> used;
  for (int i = 0; i < 3000; ++i)
    if (used.size() < 40 && random() % 2 == 0) {
      used.push_back(cache.take((1 + random() % 400) << 14));
      std::memset(used.back(), 1, 1 << 14);
      EXPECT_LE(cache.held(), cache.most_used() + PageCache::kSpare);
    } else if (!used.empty()) {
      std::swap(used[random() % used.size()], used.back());
      EXPECT_TRUE(cache.keep(used.back()));
      used.pop_back();
    }
  EXPECT_GT(cache.held(), PageCache::kSpare) << "or this has shown little";
  for (void* data : used) cache.keep(data);
  cache.clear();
  EXPECT_EQ(cache.held(), 0u);
  EXPECT_EQ(cache.most_used(), 0u);
}

TEST(PageCache, TheOldestGoesFirst) {
  PageCache cache;
  constexpr size_t kSize = PageCache::kSpare;
  void* const a = cache.take(kSize);
  void* const b = cache.take(kSize + kMega);
  cache.keep(b);
  cache.keep(a);
  const size_t before = cache.held();
  cache.take(2 * kSize);  // b makes room
  EXPECT_EQ(cache.held(), before - (kSize + kMega) + 2 * kSize);
  EXPECT_EQ(cache.take(kSize), a);
}

TEST(PageCache, ThreadsShareIt) {
  PageCache cache;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&cache, &wrong, t] {
      for (int i = 0; i < 300; ++i) {
        auto* const mine = static_cast<int*>(cache.take(kMega + static_cast<size_t>(i % 7) * 4096));
        mine[0] = mine[1000] = t;
        std::this_thread::yield();
        wrong += mine[0] != t || mine[1000] != t;
        wrong += !cache.keep(mine);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache.held(), cache.most_used() + PageCache::kSpare);
}

}  // namespace
}  // namespace fourm
