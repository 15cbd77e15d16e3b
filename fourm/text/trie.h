// A prefix tree over bytes. Its edges lie in one open-addressed table, so that a step is one probe.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace fourm {

class Trie {
 public:
  static constexpr int32_t kNone = -1;
  static constexpr int32_t kRoot = 0;

  struct Match {
    size_t length = 0;
    int32_t value = kNone;  ///< kNone: no key matched
  };

  Trie();

  /// value >= 0. A key that is there already gets the new value. Error beyond 16 million nodes.
  void add(std::string_view key, int32_t value);

  /// The node reached from `node` along `path`, or kNone.
  int32_t walk(std::string_view path, int32_t node = kRoot) const;

  /// The value of the key, or kNone.
  int32_t find(std::string_view key) const;

  /// The longest non-empty path that leads from `node` along the beginning of `text` to the end of a key.
  Match longest(std::string_view text, int32_t node = kRoot) const;

 private:
  struct Edge {
    uint32_t key = 0;  ///< 1 + (node << 8 | byte), 0 = free
    int32_t child = kNone;
  };
  static uint32_t edge_key(int32_t node, unsigned char byte) { return 1 + (static_cast<uint32_t>(node) << 8 | byte); }
  size_t slot(uint32_t key) const;  ///< where the edge is, or the free place where it belongs
  void grow();

  std::vector<Edge> edges_;
  std::vector<int32_t> values_;  ///< a value a node
  int shift_;
};

}  // namespace fourm
