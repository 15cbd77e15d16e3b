// The files of a checkpoint in a run folder:
//
//   model.safetensors, average.safetensors, optimizer.safetensors   named tensors; of a run that spreads its state over N
//                                    processes, average and optimizer are shards: optimizer-00001-of-0000N.safetensors
//   state.json                       the rest, and the checksums of the others: written last
//
// A checkpoint does not depend on how many processes have written it.
#pragma once

#include "fourm/core/json.h"
#include "fourm/io/safetensors.h"

namespace fourm {

/// "optimizer.safetensors", or the name of the shard of process `rank` of `ranks`, where there are several.
std::string shard_name(const std::string& name, int64_t rank, int64_t ranks);

/// The tensors of optimizer.safetensors, or of all its shards. Error when a shard is missing.
SafetensorsFile open_shards(const fs::path& checkpoint, const std::string& name);

/// Of the bytes of a file; not cryptographic.
std::string checksum(const fs::path& path);

/// Error naming the file that is missing or is not what was written. Checkpoints of earlier versions have no checksums: their
/// files are opened only.
void check_checkpoint(const fs::path& checkpoint);

}  // namespace fourm
