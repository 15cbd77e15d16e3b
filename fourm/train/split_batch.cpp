#include "fourm/train/split_batch.h"

#include "fourm/core/error.h"

namespace fourm {

void check_batch(int64_t batch, int64_t processes, const std::string& sample, const std::string& key) {
  check(batch >= processes, key, " is ", batch, ", expected at least ", sample, " for each of the ", processes,
        " processes");
}

DropPath drop_path_of_batch(double rate, uint64_t seed, int64_t index, int64_t batch, const ProcessGroup& group) {
  DropPath drop{rate, seed, {}};
  for (int64_t k = group.begin(batch); k < group.end(batch); ++k)
    drop.samples.push_back(static_cast<uint64_t>(index * batch + k));
  return drop;
}

}  // namespace fourm
