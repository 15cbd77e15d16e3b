#include "fourm/text/trie.h"

#include "fourm/core/error.h"

namespace fourm {

static constexpr int kFirstBits = 8;

Trie::Trie() : edges_(size_t{1} << kFirstBits), values_{kNone}, shift_(32 - kFirstBits) {}

size_t Trie::slot(uint32_t key) const {
  size_t i = (key * 0x9E3779B1u) >> shift_;
  while (edges_[i].key != key && edges_[i].key != 0) i = (i + 1) & (edges_.size() - 1);
  return i;
}

void Trie::grow() {
  std::vector<Edge> old(edges_.size() * 2);
  old.swap(edges_);
  --shift_;
  for (const Edge& edge : old)
    if (edge.key) edges_[slot(edge.key)] = edge;
}

void Trie::add(std::string_view key, int32_t value) {
  int32_t node = kRoot;
  for (const unsigned char byte : key) {
    if (values_.size() * 2 > edges_.size()) grow();
    Edge& edge = edges_[slot(edge_key(node, byte))];
    if (edge.key == 0) {
      check(values_.size() < (size_t{1} << 24) - 1, "the vocabulary is too large (over 16 million prefixes)");
      edge = {edge_key(node, byte), static_cast<int32_t>(values_.size())};
      values_.push_back(kNone);
    }
    node = edge.child;
  }
  values_[node] = value;
}

int32_t Trie::walk(std::string_view path, int32_t node) const {
  for (const unsigned char byte : path) {
    if (node == kNone) break;
    node = edges_[slot(edge_key(node, byte))].child;
  }
  return node;
}

int32_t Trie::find(std::string_view key) const {
  const int32_t node = walk(key);
  return node == kNone ? kNone : values_[node];
}

Trie::Match Trie::longest(std::string_view text, int32_t node) const {
  Match best;
  for (size_t i = 0; i < text.size(); ++i) {
    node = edges_[slot(edge_key(node, static_cast<unsigned char>(text[i])))].child;
    if (node == kNone) break;
    if (values_[node] != kNone) best = {i + 1, values_[node]};
  }
  return best;
}

}  // namespace fourm
