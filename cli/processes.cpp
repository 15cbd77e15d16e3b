#include "cli/processes.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include "fourm/core/file.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/sha256.h"
#include "fourm/core/strings.h"

extern char** environ;

namespace fourm {
namespace {

// Reads the variables of one kind of launcher.
class Variables {
 public:
  explicit Variables(const Environment& all) : all_(all) {}

  std::string text(const std::string& name, const std::string& otherwise = "") const {
    const auto found = all_.find(name);
    return found == all_.end() ? otherwise : found->second;
  }
  bool has(const std::string& name) const { return !text(name).empty(); }
  int64_t number(const std::string& name) const {
    const std::string value = text(name);
    check(!value.empty(), "the environment variable ", name, " is missing; the launcher of several processes sets it");
    int64_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    check(error == std::errc() && end == value.data() + value.size(), "the environment variable ", name, " is '", value,
          "', expected an integer");
    return result;
  }
  int64_t number(const std::string& name, int64_t otherwise) const { return has(name) ? number(name) : otherwise; }

  // The names of variables for rank, size, rank on this machine and size on this machine.
  ProcessGroupConfig places(const char* rank, const char* size, const char* local_rank, const char* local_size) const {
    ProcessGroupConfig config;
    config.rank = number(rank);
    config.world_size = number(size);
    config.local_world_size = number(local_size, config.world_size);
    config.local_rank = number(local_rank, config.rank % std::max<int64_t>(1, config.local_world_size));
    return config;
  }

 private:
  const Environment& all_;
};

// "3" of "4(x2),3" for the machine 2: tasks of each machine, as SLURM writes them.
int64_t tasks_of_machine(const std::string& text, int64_t machine) {
  size_t at = 0;
  int64_t first = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    const size_t times = item.find("(x");
    first += times == std::string::npos ? 1 : std::atoll(item.c_str() + times + 2);
    if (machine < first) return std::atoll(item.c_str());
    at = end + 1;
  }
  return 1;
}

// "node07" of "node[07-09,12],other": the first machine of a SLURM list.
std::string first_machine(const std::string& list) {
  const size_t open = list.find('['), comma = list.find(',');
  if (open == std::string::npos || comma < open) return list.substr(0, comma);
  return list.substr(0, open) + list.substr(open + 1, list.find_first_of("-,]", open) - open - 1);
}

ProcessGroupConfig of_slurm(const Variables& variables) {
  ProcessGroupConfig config =
      variables.places("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID", "SLURM_STEP_NUM_TASKS");
  config.local_world_size =
      tasks_of_machine(variables.text("SLURM_STEP_TASKS_PER_NODE"), variables.number("SLURM_NODEID", 0));
  config.master_addr = first_machine(variables.text("SLURM_STEP_NODELIST"));
  // Jobs that share a machine get different ports.
  constexpr int kFirstPort = 20000, kPorts = 12000;
  const int64_t step = 7 * variables.number("SLURM_JOB_ID", 0) + variables.number("SLURM_STEP_ID", 0);
  config.master_port = kFirstPort + static_cast<int>(step % kPorts);
  config.attempt = variables.text("SLURM_JOB_ID") + "." + variables.text("SLURM_STEP_ID") + "." +
                   variables.text("SLURM_RESTART_COUNT");
  return config;
}

// The GPUs that NVIDIA's driver shows to this machine or container; 0 where it does not say.
int64_t installed_gpus() {
  std::error_code ignored;
  const fs::directory_iterator gpus("/proc/driver/nvidia/gpus", ignored);
  return std::distance(fs::begin(gpus), fs::end(gpus));
}

bool describes(const Variables& variables, const char* rank, const char* size) {
  return variables.has(rank) && variables.has(size);
}

}  // namespace

Environment environment() {
  Environment all;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) all[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return all;
}

ProcessGroupConfig process_group_config(const Environment& environment) {
  const Variables variables(environment);
  ProcessGroupConfig config;
  constexpr int kPort = 29500;
  if (variables.has("RANK") || variables.has("WORLD_SIZE")) {
    config = variables.places("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE");
    config.attempt = variables.text("TORCHELASTIC_RUN_ID") + "." + variables.text("TORCHELASTIC_RESTART_COUNT");
    config.use_agent_store = variables.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  } else if (describes(variables, "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE")) {
    config = variables.places("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
                              "OMPI_COMM_WORLD_LOCAL_SIZE");
  } else if (describes(variables, "PMI_RANK", "PMI_SIZE") &&
             (variables.has("MPI_LOCALRANKID") || !describes(variables, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"))) {
    config = variables.places("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS");
  } else if (describes(variables, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS")) {
    config = of_slurm(variables);
  }
  constexpr int64_t kMostProcesses = 1 << 16;
  check(config.world_size > 0 && config.world_size <= kMostProcesses, "the number of processes is ", config.world_size,
        ", expected 1 to ", kMostProcesses, " (environment variables of the launcher)");
  check(config.rank >= 0 && config.rank < config.world_size, "rank ", config.rank, " of ", config.world_size,
        " processes: ranks count from 0 (environment variables of the launcher)");
  check(config.local_world_size > 0 && config.local_world_size <= config.world_size && config.local_rank >= 0 &&
            config.local_rank < config.local_world_size,
        "local rank ", config.local_rank, " of ", config.local_world_size, " processes on this machine, of ",
        config.world_size,
        " in all: ranks count from 0 on each machine (LOCAL_RANK and LOCAL_WORLD_SIZE, or what the "
        "launcher sets for them)");
  if (config.world_size == 1) return {};
  const bool one_machine = config.local_world_size == config.world_size;
  if (config.master_addr.empty() || variables.has("MASTER_ADDR")) config.master_addr = variables.text("MASTER_ADDR");
  check(one_machine || variables.has("MASTER_ADDR") || config.master_port > 0,
        "the processes are on several machines: set MASTER_ADDR to that of rank 0");
  if (config.master_addr.empty()) config.master_addr = "127.0.0.1";
  config.master_port =
      static_cast<int>(variables.number("MASTER_PORT", config.master_port > 0 ? config.master_port : kPort));
  check(config.master_port > 0 && config.master_port < 65536, "MASTER_PORT is ", config.master_port,
        ", expected 1 to 65535");
  config.network_interface = variables.text("GLOO_SOCKET_IFNAME");
  config.build = sha256_hex(read_file("/proc/self/exe"));
  return config;
}

int64_t threads_of(int64_t requested, const ProcessGroupConfig& config) {
  return requested > 0 ? requested : std::max<int64_t>(1, processor_count() / config.local_world_size);
}

std::string gpu_of(const std::string& visible, int64_t installed, const ProcessGroupConfig& config,
                   const std::string& device) {
  const auto list = visible.empty() ? std::vector<std::string>() : split(visible, ',');
  if (list.size() == 1) return visible;
  const int64_t count = list.empty() ? installed : static_cast<int64_t>(list.size());
  check(count == 0 || config.local_world_size <= count || device == "auto", "device ", device, ": ",
        config.local_world_size, " processes on this machine have ", counted(count, "GPU"),
        list.empty() ? "" : concat(" (CUDA_VISIBLE_DEVICES=", visible, ")"),
        "; start at most one process for each GPU");
  if (list.empty()) return std::to_string(config.local_rank);
  return config.local_rank < count ? list[static_cast<size_t>(config.local_rank)] : "";
}

void use_own_gpu(const ProcessGroupConfig& config, const std::string& device) {
  constexpr const char* kVariable = "CUDA_VISIBLE_DEVICES";
  if (config.local_world_size == 1 || (!device.starts_with("cuda") && device != "auto")) return;
  check(device == "cuda" || device == "auto", "device ", device,
        ": with several processes on a machine the device is cuda, and each process uses the GPU of its local rank");
  const char* visible = std::getenv(kVariable);
  if (visible && !*visible) return;  // every GPU is hidden
  ::setenv(kVariable, gpu_of(visible ? visible : "", installed_gpus(), config, device).c_str(), 1);
}

void in_process_group(const ProcessGroupConfig& config, const std::string& device,
                      const std::function<void(const ProcessGroup&)>& body) {
  if (config.world_size > 1) FLAGS_caffe2_log_level = c10::GLOG_FATAL;  // this program says what went wrong
  if (config.rank > 0) set_log_sink(nullptr);
  if (config.world_size > 1) std::signal(SIGPIPE, SIG_IGN);  // a process that has ended is an error of the group
  use_own_gpu(config, device);
  // The heartbeats of the group find failed processes. NCCL's watchdog would end this process by SIGABRT; torchrun turns it on.
  for (const char* variable :
       {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_ENABLE_MONITORING", "TORCH_NCCL_RETHROW_CUDA_ERRORS"})
    if (config.world_size > 1) ::setenv(variable, "0", 1);
  ProcessGroup group(config);
  try {
    body(group);
  } catch (const GroupError&) {
    throw;
  } catch (const std::exception& error) {
    if (config.world_size == 1) throw;
    group.report_failure(error.what());
    throw GroupError(error.what());
  }
  group.shutdown();
}

void check_same_options(const std::string& options, const ComputeConfig& compute, const ProcessGroup& group) {
  if (group.size() == 1) return;
  group.check_same("option", options);
  group.check_same("device or precision", describe(compute));
}

void in_independent_processes(const std::string& options, const ComputeConfig& compute,
                              const ProcessGroupConfig& config, const std::function<void()>& body) {
  in_process_group(config, compute.device, [&](const ProcessGroup& group) {
    check_same_options(options, compute, group);
    const ProcessGroup::Busy busy(group);
    body();
  });
}

}  // namespace fourm
