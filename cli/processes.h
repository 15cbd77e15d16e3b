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

/// Joins the group, calls body(group), and leaves the group. When body throws, the other processes are told why, and the
/// error is a GroupError if there are others. Reports of all but the first process are discarded.
void in_process_group(const ProcessGroupConfig& config, const std::function<void(const ProcessGroup&)>& body);

}  // namespace fourm
