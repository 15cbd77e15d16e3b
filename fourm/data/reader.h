// The order of training: visit after visit, over one set of tokens or a weighted mixture of several.
//
// A visit is a number, and what it holds is a function of seed and number alone. So the position of a reader is the
// number of visits made, which every checkpoint knows, and nothing depends on threads or on when a run was stopped.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fourm/data/token_set.h"

namespace fourm {

class TokenReader {
 public:
  /// `sets`: path -> how often it is visited, relative to the others (to a thousandth). Rank `rank` of `ranks` makes
  /// every `ranks`-th visit, so that n visits of each of R ranks are the first n R visits of one.
  TokenReader(const std::map<std::string, double>& sets, const std::vector<Modality>& modalities, const WordPiece& text,
              uint64_t seed, int64_t rank = 0, int64_t ranks = 1);

  /// Samples of all sets.
  int64_t size() const;
  /// May be called from several threads.
  TokenSample sample(int64_t visit) const;

  struct Place {
    size_t set = 0;
    int64_t epoch = 0, index = 0;
    auto operator<=>(const Place&) const = default;
  };
  /// Each set is gone through once an epoch: its shards in random order, some at a time, their samples mixed.
  Place place(int64_t visit) const;

 private:
  using Order = std::shared_ptr<const std::vector<int64_t>>;
  Order order(size_t set, int64_t epoch) const;
  Order turns(int64_t block) const;

  uint64_t seed_;
  int64_t rank_, ranks_;
  std::vector<TokenSet> sets_;
  std::vector<int64_t> share_;  // of each set in a block of visits
  mutable std::mutex mutex_;
  mutable std::map<std::pair<size_t, int64_t>, Order> orders_;  // (set, epoch)
  mutable std::map<int64_t, Order> turns_;                      // block
};

}  // namespace fourm
