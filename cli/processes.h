// The group of processes that the environment describes.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "fourm/dist/process_group.h"

namespace fourm {

/// By name; what is not set is not in it.
using Environment = std::map<std::string, std::string>;
Environment environment();

/// What torchrun (RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT), SLURM's srun, Open MPI or a
/// process manager with PMI variables says of this process, in this order; without any, a group of one. Error naming a
/// variable that is missing or no number.
ProcessGroupConfig process_group_config(const Environment& environment);

/// Threads of a process when a recipe or option says `requested`: 0 is an even share of the processors.
int64_t threads_of(int64_t requested, const ProcessGroupConfig& config);

/// CUDA_VISIBLE_DEVICES of a process: of the GPUs that `visible` lists, that of its rank on this machine; "" shows all of them.
/// A list of one GPU stays, since the launcher has chosen.
std::string gpu_of(const std::string& visible, const ProcessGroupConfig& config);

/// To be called before a GPU is used: the process sees its own GPU alone, as `cuda`.
void use_own_gpu(const ProcessGroupConfig& config);

/// Joins the group, calls body(group), and shuts the group down. When body throws, the other processes are told why, and the
/// error is a GroupError if there are others. Reports of all but the first process are discarded.
void in_process_group(const ProcessGroupConfig& config, const std::function<void(const ProcessGroup&)>& body);

}  // namespace fourm
