// A micro-batch of a training, whose samples are split over the processes of a group.
#pragma once

#include "fourm/dist/process_group.h"
#include "fourm/nn/drop_path.h"

namespace fourm {

/// Micro-batches that are read while another is computed.
constexpr int64_t kBatchesAhead = 2;

/// Error unless each process gets a sample of the batch. `key` names the batch, `sample` an item of it with its article
/// ("an image").
void check_batch(int64_t batch, int64_t processes, const std::string& sample, const std::string& key = "batch");

/// Of the samples that this process has of micro-batch `index`: sample k of it is number index * batch + k of the run.
DropPath drop_path_of_batch(double rate, uint64_t seed, int64_t index, int64_t batch, const ProcessGroup& group);

}  // namespace fourm
