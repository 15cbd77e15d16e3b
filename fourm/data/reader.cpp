#include "fourm/data/reader.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fourm/core/error.h"

namespace fourm {
namespace {

enum Purpose : uint64_t { kOrder, kSample, kTurns };
constexpr int64_t kBlock = 1000;  // visits in which every set has its share
constexpr int64_t kWindow = 16;   // shards whose samples are mixed

// Whole numbers that sum to kBlock, nearest to the weights.
std::vector<int64_t> shares(const std::map<std::string, double>& sets) {
  double total = 0;
  for (const auto& [path, weight] : sets) {
    check(std::isfinite(weight) && weight > 0, path, ": its weight in the mixture is ", weight, ", expected above 0");
    total += weight;
  }
  std::vector<int64_t> share;
  std::vector<std::pair<double, size_t>> rest;
  for (const auto& [path, weight] : sets) {
    const double exact = kBlock * weight / total;
    share.push_back(static_cast<int64_t>(exact));
    rest.emplace_back(static_cast<double>(share.back()) - exact, rest.size());
  }
  std::sort(rest.begin(), rest.end());
  for (int64_t i = 0, n = kBlock - std::accumulate(share.begin(), share.end(), int64_t{0}); i < n; ++i)
    ++share[rest[i].second];
  size_t s = 0;
  for (const auto& [path, weight] : sets)
    check(share[s++] > 0, path, ": its weight ", weight, " is below a thousandth of the mixture");
  return share;
}

// The value of `key`, made by `make` unless it is there; the oldest go, so that a few stay.
template <class Map, class Make>
typename Map::mapped_type kept(Map& map, std::mutex& mutex, const typename Map::key_type& key, size_t most,
                               const Make& make) {
  const std::lock_guard lock(mutex);
  if (const auto found = map.find(key); found != map.end()) return found->second;
  if (map.size() >= most) map.erase(map.begin());
  return map[key] = std::make_shared<const std::vector<int64_t>>(make());
}

}  // namespace

TokenReader::TokenReader(const std::map<std::string, double>& sets, const std::vector<Modality>& modalities,
                         const WordPiece& text, uint64_t seed, int64_t rank, int64_t ranks)
    : seed_(seed), rank_(rank), ranks_(ranks), share_(shares(sets)) {
  check(!sets.empty() && rank >= 0 && rank < ranks, "a reader needs a set, and a rank below ", ranks);
  for (const auto& [path, weight] : sets) sets_.emplace_back(path, modalities, text);
}

int64_t TokenReader::size() const {
  int64_t n = 0;
  for (const auto& set : sets_) n += set.size();
  return n;
}

TokenReader::Order TokenReader::order(size_t set, int64_t epoch) const {
  return kept(orders_, mutex_, {set, epoch}, 4 * sets_.size(), [&] {
    const std::vector<int64_t>& starts = sets_[set].shards();
    const auto shards = static_cast<int64_t>(starts.size());
    Random random(seed_, {kOrder, set, static_cast<uint64_t>(epoch)});
    const std::vector<int64_t> shuffled = random.permutation(shards);
    std::vector<int64_t> order, window;
    order.reserve(sets_[set].size());
    for (int64_t k = 0; k < shards; ++k) {
      const int64_t s = shuffled[k], end = s + 1 < shards ? starts[s + 1] : sets_[set].size();
      for (int64_t i = starts[s]; i < end; ++i) window.push_back(i);
      if ((k + 1) % kWindow && k + 1 < shards) continue;
      random.shuffle(window);
      order.insert(order.end(), window.begin(), window.end());
      window.clear();
    }
    return order;
  });
}

// The sets of a block of visits, each with the number of its visits before in the block: set + sets * number.
TokenReader::Order TokenReader::turns(int64_t block) const {
  return kept(turns_, mutex_, block, 8, [&] {
    std::vector<int64_t> turns;
    for (size_t s = 0; s < sets_.size(); ++s) turns.insert(turns.end(), share_[s], static_cast<int64_t>(s));
    Random(seed_, {kTurns, static_cast<uint64_t>(block)}).shuffle(turns);
    std::vector<int64_t> visits(sets_.size(), 0);
    for (int64_t& turn : turns) turn += static_cast<int64_t>(sets_.size()) * visits[turn]++;
    return turns;
  });
}

TokenReader::Place TokenReader::place(int64_t visit) const {
  int64_t n = visit * ranks_ + rank_;
  size_t set = 0;
  if (sets_.size() > 1) {
    const int64_t block = n / kBlock, turn = (*turns(block))[n % kBlock];
    set = static_cast<size_t>(turn) % sets_.size();
    n = block * share_[set] + turn / static_cast<int64_t>(sets_.size());
  }
  const int64_t size = sets_[set].size(), epoch = n / size;
  return {set, epoch, (*order(set, epoch))[n % size]};
}

TokenSample TokenReader::sample(int64_t visit) const {
  const Place at = place(visit);
  return sets_[at.set].sample(at.index, Random(seed_, {kSample, static_cast<uint64_t>(visit * ranks_ + rank_)}));
}

}  // namespace fourm
