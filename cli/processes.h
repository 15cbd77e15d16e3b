// The group of processes that the environment describes.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "fourm/dist/process_group.h"
#include "fourm/kernels/compute_config.h"

namespace fourm {

/// By name; what is not set is not in it.
using Environment = std::map<std::string, std::string>;
Environment environment();

/// The environment variable in which `fourm launch` gives rank 0 the number of an open file, to which the program writes its last
/// error too.
inline constexpr const char* kErrorDescriptor = "FOURM_ERROR_DESCRIPTOR";

/// The group by the variables of torchrun (RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT), Open MPI, a
/// process manager with PMI, or srun: the first of these that are set. PMI variables without MPI_LOCALRANKID count after those of
/// srun, which may set them too. Without any, a group of one. Error naming a variable that is missing or no number.
ProcessGroupConfig process_group_config(const Environment& environment);

/// Threads of a process when a recipe or option says `requested`: 0 is an even share of the processors.
int64_t threads_of(int64_t requested, const ProcessGroupConfig& config);

/// CUDA_VISIBLE_DEVICES of a process that computes on `device`: of the GPUs that `visible` lists, that of its rank on this
/// machine; "" shows all `installed` ones (0: their number is not known). A list of one GPU stays, since the launcher has
/// chosen. Error when there are more processes than GPUs; with the device "auto" processes without a GPU see none.
std::string gpu_of(const std::string& visible, int64_t installed, const ProcessGroupConfig& config,
                   const std::string& device);

/// To be called before a GPU is used: when `device` is one, the process sees its own GPU alone, as `cuda`. Errors of gpu_of().
void use_own_gpu(const ProcessGroupConfig& config, const std::string& device);

/// Joins the group, calls body(group), and shuts the group down. When body throws, the other processes are told why, and the
/// error is a GroupError if there are others. Reports of all but the first process are discarded. The process uses its own GPU
/// of `device`.
void in_process_group(const ProcessGroupConfig& config, const std::string& device,
                      const std::function<void(const ProcessGroup&)>& body);

/// GroupError when a process of the group has other options than the first ("key=value" lines, as CLI::App::config_to_str()
/// writes them), or computes on another device or in another precision, where they are "auto".
void check_same_options(const std::string& options, const ComputeConfig& compute, const ProcessGroup& group);
/// Calls body() in processes with the same options, which each do a part of the work without communicating, and returns when all
/// have done theirs. GroupError naming a process that failed or ended before.
void in_independent_processes(const std::string& options, const ComputeConfig& compute,
                              const ProcessGroupConfig& config, const std::function<void()>& body);

}  // namespace fourm
