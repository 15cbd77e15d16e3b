// The order of training samples from one set of tokens or a weighted mixture of several.
//
// The sample at an index is a function of seed and index alone. A checkpoint only needs the number of samples used so
// far, and nothing depends on threads or on when a run was stopped.
//
//   index -> set, by weight -> sample of the set, repeated (data/sample_buffer.h) -> epoch and file, shuffled
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fourm/data/sample_buffer.h"
#include "fourm/data/token_set.h"

namespace fourm {

/// A set of a mixture.
struct ReaderSet {
  TokenSet tokens;
  double weight = 1;                  ///< how often it is sampled, relative to the others (to a thousandth)
  int64_t repeats = 1;                ///< times that a sample is used while it is in memory
  std::vector<std::string> needed{};  ///< samples without any of these modalities are left out; empty = none is
};

class TokenReader {
 public:
  /// Draws of a set depend on its position in `sets` and not on its path or on the sets after it. `buffer`: samples of a
  /// set that are in memory at a time, where they are repeated. Samples that are left out are a warning; Error on a set that
  /// has no others.
  explicit TokenReader(std::vector<ReaderSet> sets, uint64_t seed, int64_t buffer = 1000);

  /// Samples of all sets.
  int64_t size() const;

  struct SetSample {
    size_t set = 0;
    std::shared_ptr<const TokenSample> sample;
  };
  /// May be called from several threads.
  SetSample sample(int64_t index) const;

  struct Place {
    size_t set = 0;
    int64_t epoch = 0, sample = 0;  ///< of the set
    auto operator<=>(const Place&) const = default;
  };
  /// Each set is gone through once an epoch: its shards in random order, some at a time, their samples mixed.
  Place place(int64_t index) const;

 private:
  using Order = std::shared_ptr<const std::vector<int64_t>>;
  // An index within a set.
  struct Turn {
    size_t set;
    int64_t index;
  };
  // A set, and what is in memory of it.
  struct Part {
    TokenSet tokens;
    std::vector<bool> left_out;                         // by sample; empty: none
    int64_t samples;                                    // of an epoch
    int64_t share = 0;                                  // samples in a block
    std::unique_ptr<SampleBuffer<SampleFiles>> buffer;  // of files, so that each use has random draws of its own
    std::map<int64_t, Order> orders;                    // by epoch
  };

  Turn turn(int64_t index) const;
  Place place(size_t set, int64_t number) const;
  Order order(size_t set, int64_t epoch) const;
  Order turns(int64_t block) const;

  uint64_t seed_;
  mutable std::mutex mutex_;
  mutable std::vector<Part> parts_;
  mutable std::map<int64_t, Order> turns_;  // by block
};

}  // namespace fourm
