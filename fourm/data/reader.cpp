#include "fourm/data/reader.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

enum Purpose : uint64_t { kOrder, kSample, kTurns };
constexpr int64_t kBlock = 1000;  // samples in which every set has its share
constexpr int64_t kWindow = 16;   // shards whose samples are mixed

// Integers that sum to kBlock, nearest to the weights.
std::vector<int64_t> shares(const std::vector<ReaderSet>& sets) {
  double total = 0;
  for (const ReaderSet& set : sets) {
    check(std::isfinite(set.weight) && set.weight > 0, set.tokens.path(), ": its weight in the mixture is ", set.weight,
          ", expected above 0");
    total += set.weight;
  }
  std::vector<int64_t> share;
  std::vector<std::pair<double, size_t>> rest;
  for (const ReaderSet& set : sets) {
    const double exact = kBlock * set.weight / total;
    share.push_back(static_cast<int64_t>(exact));
    rest.emplace_back(static_cast<double>(share.back()) - exact, rest.size());
  }
  std::sort(rest.begin(), rest.end());
  for (int64_t i = 0, n = kBlock - std::accumulate(share.begin(), share.end(), int64_t{0}); i < n; ++i)
    ++share[rest[i].second];
  for (size_t s = 0; s < sets.size(); ++s)
    check(share[s] > 0, sets[s].tokens.path(), ": its weight ", sets[s].weight,
          " is below a thousandth of the mixture");
  return share;
}

// Which samples of a set have none of the modalities that it needs; empty: none of them.
std::vector<bool> left_out(const ReaderSet& set) {
  const TokenSet& tokens = set.tokens;
  std::vector<bool> out(tokens.size(), false);
  int64_t count = 0, first = -1;
  for (int64_t i = 0; i < tokens.size() && !set.needed.empty(); ++i) {
    if (tokens.has_any(i, set.needed)) continue;
    out[i] = true;
    if (count++ == 0) first = i;
  }
  if (count == 0) return {};
  const std::string needed = join(set.needed, ", ");
  check(count < tokens.size(), tokens.path(), ": none of its ", tokens.size(), " samples has one of ", needed);
  warn(tokens.path(), ": ", count, " of ", tokens.size(), " samples have none of ", needed, " and are left out (",
       printable(tokens.name(first)), count > 1 ? ", ...)" : ")");
  return out;
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

TokenReader::TokenReader(std::vector<ReaderSet> sets, uint64_t seed, int64_t buffer) : seed_(seed) {
  check(!sets.empty(), "a reader needs a set");
  const std::vector<int64_t> share = shares(sets);
  for (size_t s = 0; s < sets.size(); ++s) {
    std::vector<bool> out = left_out(sets[s]);
    const auto samples = sets[s].tokens.size() - std::count(out.begin(), out.end(), true);
    auto memory = std::make_unique<SampleBuffer<SampleFiles>>(
        [this, s](int64_t number) { return parts_[s].tokens.read(place(s, number).sample); }, buffer, sets[s].repeats,
        seed, s);
    parts_.push_back({std::move(sets[s].tokens), std::move(out), samples, share[s], std::move(memory), {}});
  }
}

int64_t TokenReader::size() const {
  int64_t n = 0;
  for (const Part& part : parts_) n += part.samples;
  return n;
}

TokenReader::Order TokenReader::order(size_t set, int64_t epoch) const {
  Part& part = parts_[set];
  return kept(part.orders, mutex_, epoch, 4, [&] {
    const std::vector<int64_t>& starts = part.tokens.shards();
    const auto shards = static_cast<int64_t>(starts.size());
    Random random(seed_, {kOrder, set, static_cast<uint64_t>(epoch)});
    const std::vector<int64_t> shuffled = random.permutation(shards);
    std::vector<int64_t> order, window;
    order.reserve(part.samples);
    for (int64_t k = 0; k < shards; ++k) {
      const int64_t s = shuffled[k], end = s + 1 < shards ? starts[s + 1] : part.tokens.size();
      for (int64_t i = starts[s]; i < end; ++i)
        if (part.left_out.empty() || !part.left_out[i]) window.push_back(i);
      if ((k + 1) % kWindow && k + 1 < shards) continue;
      random.shuffle(window);
      order.insert(order.end(), window.begin(), window.end());
      window.clear();
    }
    return order;
  });
}

// The sets of a block of samples, each with the number of its samples before in the block: set + sets * number.
TokenReader::Order TokenReader::turns(int64_t block) const {
  return kept(turns_, mutex_, block, 8, [&] {
    std::vector<int64_t> turns;
    for (size_t s = 0; s < parts_.size(); ++s) turns.insert(turns.end(), parts_[s].share, static_cast<int64_t>(s));
    Random(seed_, {kTurns, static_cast<uint64_t>(block)}).shuffle(turns);
    std::vector<int64_t> counts(parts_.size(), 0);
    for (int64_t& turn : turns) turn += static_cast<int64_t>(parts_.size()) * counts[turn]++;
    return turns;
  });
}

TokenReader::Turn TokenReader::turn(int64_t index) const {
  if (parts_.size() == 1) return {0, index};
  const int64_t block = index / kBlock, turn = (*turns(block))[index % kBlock];
  const auto sets = static_cast<int64_t>(parts_.size());
  return {static_cast<size_t>(turn % sets), block * parts_[turn % sets].share + turn / sets};
}

TokenReader::Place TokenReader::place(size_t set, int64_t number) const {
  const int64_t samples = parts_[set].samples, epoch = number / samples;
  return {set, epoch, (*order(set, epoch))[number % samples]};
}

TokenReader::Place TokenReader::place(int64_t index) const {
  const Turn at = turn(index);
  return place(at.set, parts_[at.set].buffer->number(at.index));
}

TokenReader::SetSample TokenReader::sample(int64_t index) const {
  const Turn at = turn(index);
  const Part& part = parts_[at.set];
  const Random random(seed_, {kSample, at.set, static_cast<uint64_t>(at.index)});
  return {at.set, std::make_shared<const TokenSample>(part.tokens.draw(*part.buffer->sample(at.index), random))};
}

}  // namespace fourm
