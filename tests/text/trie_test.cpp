#include "fourm/text/trie.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "fourm/core/rng.h"

namespace fourm {
namespace {

TEST(Trie, AgreesWithAMap) {
  Random random(1);
  Trie trie;
  std::map<std::string, int32_t> map;
  const auto word = [&] {
    std::string out(random.below(6), 'a');
    for (char& c : out) c = static_cast<char>('a' + random.below(4));
    return out;
  };
  for (int32_t i = 0; i < 2000; ++i) {
    const std::string key = word();
    trie.add(key, i);
    map[key] = i;
  }
  for (int i = 0; i < 5000; ++i) {
    const std::string text = word() + word();
    EXPECT_EQ(trie.find(text), map.contains(text) ? map[text] : Trie::kNone);
    size_t length = text.size();
    while (length > 0 && !map.contains(text.substr(0, length))) --length;
    const auto match = trie.longest(text);
    EXPECT_EQ(match.length, length);
    EXPECT_EQ(match.value, length ? map[text.substr(0, length)] : Trie::kNone);
  }
  EXPECT_EQ(trie.walk("zzz"), Trie::kNone);
}

}  // namespace
}  // namespace fourm
