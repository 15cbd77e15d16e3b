#include "fourm/eval/token_comparison.h"

#include <algorithm>
#include <map>

#include "fourm/core/error.h"
#include "fourm/generate/canvas.h"

namespace fourm {
namespace {

constexpr int64_t kNoToken = -2;  // past the end of a list

int64_t token_at(const std::vector<int64_t>& tokens, size_t i) { return i < tokens.size() ? tokens[i] : kNoToken; }

// The key of the largest count; of several, the smallest.
template <class Key>
Key most_counted(const std::map<Key, int64_t>& counts) {
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

// The most frequent token of each position, up to the first one at which most lists have ended.
std::vector<int64_t> most_frequent_tokens(const TokenLists& truth) {
  std::vector<int64_t> tokens;
  for (size_t i = 0;; ++i) {
    std::map<int64_t, int64_t> counts;
    for (const auto& list : truth)
      if (token_at(list, i) != kUnknownToken) ++counts[token_at(list, i)];
    tokens.push_back(counts.empty() ? kUnknownToken : most_counted(counts));
    if (tokens.back() == kNoToken) break;
  }
  tokens.pop_back();
  return tokens;
}

// Nothing where no true token is known.
std::optional<double> token_accuracy(const std::vector<int64_t>& tokens, const std::vector<int64_t>& truth) {
  int64_t known = 0, equal = 0;
  for (size_t i = 0; i < std::max(tokens.size(), truth.size()); ++i) {
    if (token_at(truth, i) == kUnknownToken) continue;
    ++known;
    equal += token_at(tokens, i) == token_at(truth, i);
  }
  if (known == 0) return std::nullopt;
  return static_cast<double>(equal) / static_cast<double>(known);
}

}  // namespace

std::vector<Comparison> compare_tokens(const std::string& name, const TokenLists& model, const TokenLists& truth) {
  check(model.size() == truth.size(), "[compare_tokens] ", model.size(), " predictions of ", truth.size(), " samples");
  std::map<std::vector<int64_t>, int64_t> lists;
  for (const auto& tokens : truth) ++lists[tokens];
  if (lists.empty()) return {};
  const std::vector<int64_t> by_position = most_frequent_tokens(truth), whole = most_counted(lists);
  std::vector<double> accuracies, matches, common_accuracies, common_matches;
  for (size_t i = 0; i < truth.size(); ++i) {
    const auto accuracy = token_accuracy(model[i], truth[i]);
    if (!accuracy) continue;
    accuracies.push_back(*accuracy);
    matches.push_back(*accuracy == 1);
    common_accuracies.push_back(*token_accuracy(by_position, truth[i]));
    common_matches.push_back(token_accuracy(whole, truth[i]) == 1);
  }
  if (accuracies.empty()) return {};
  const std::vector<double> ceiling(accuracies.size(), 1);
  return {compare(name + ": token accuracy", "", true, accuracies, ceiling, common_accuracies),
          compare(name + ": exact match", "", true, matches, ceiling, common_matches)};
}

}  // namespace fourm
