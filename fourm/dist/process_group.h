// The processes of a run and their collective operations. One process is a group of one, in which every operation leaves its
// tensors as they are: code for many processes needs no other path for one.
//
// All processes of a group call the same functions in the same order, with tensors of the same shape and type.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fourm/core/error.h"

namespace at {
class Tensor;
}
namespace c10 {
struct Device;
}

namespace fourm {

/// The process in its group, and how it finds the others. Programs read it from their environment.
struct ProcessGroupConfig {
  int64_t rank = 0, world_size = 1;              ///< of all processes
  int64_t local_rank = 0, local_world_size = 1;  ///< of those on this machine
  std::string master_addr = "127.0.0.1";         ///< the machine of rank 0
  int master_port = 0;                           ///< of the key-value store there
  bool use_agent_store = false;                  ///< the launcher hosts the store; otherwise rank 0 does
  std::string attempt;                           ///< separates attempts and jobs that share a store
  std::string network_interface;                 ///< between machines; empty: that of the host name
  std::string build;                             ///< what all processes must run, such as a version
  double timeout = 60;                           ///< seconds after which a process that does not respond has failed
  std::function<bool()> stop{};  ///< ends the wait for the others; called in the thread of the constructor
};

/// A process of the group ended, does not respond, failed or differs; the message names its rank. The group cannot be used
/// any more, and the program should end without waiting for threads of the group.
class GroupError : public Error {
 public:
  using Error::Error;
};

/// A handle of shared state: copies are the same group.
class ProcessGroup {
 public:
  /// This process alone.
  ProcessGroup() = default;
  /// Waits for all processes. GroupError naming the rank that does not join within the timeout or runs another build, and when it was
  /// stopped.
  explicit ProcessGroup(const ProcessGroupConfig& config);

  int64_t rank() const;
  int64_t size() const;
  bool is_first() const { return rank() == 0; }

  /// From here on NCCL performs collective operations of tensors of a GPU, where every process has it (dist/device_backend.h).
  /// Without this call, and where a process lacks NCCL, such tensors are copied to the memory of the host, and Gloo sends them.
  /// Collective; no effect for the CPU. GroupError when the processes do not connect.
  /// Programs set TORCH_NCCL_ASYNC_ERROR_HANDLING, TORCH_NCCL_ENABLE_MONITORING and TORCH_NCCL_RETHROW_CUDA_ERRORS to 0 before:
  /// this group finds failed processes itself, and NCCL's watchdog would end the program by SIGABRT.
  void connect_device(const c10::Device& device) const;
  /// The same with the backends of a factory, null where this process has none.
  void connect_device(const c10::Device& device, const class DeviceBackendFactory* factory) const;
  /// Whether tensors of a device have a backend of their own. Its operations must start in the same order in all processes, over
  /// all parts of the group.
  bool has_device_backend() const;

  /// If a group spans several machines with the same number of processes each, more than one, on_machine() is the processes of this
  /// machine, and across_machines() is the processes with this local rank, one of each machine. Otherwise the first is the whole
  /// group, and the second is this process alone. Both fail with the whole group.
  ProcessGroup on_machine() const;
  ProcessGroup across_machines() const;

  /// The first of n items that are split over the processes, in order and as evenly as possible, that this process has; end(n) is
  /// one past its last.
  int64_t begin(int64_t n) const { return n * rank() / size(); }
  int64_t end(int64_t n) const { return n * (rank() + 1) / size(); }

  /// A collective operation in the background. The tensor may not be used before wait(), which returns when the operation is
  /// complete, on a device too, and throws GroupError.
  class Work {
   public:
    Work() = default;
    void wait();
    /// Whether wait() would return, or throw, at once.
    bool is_done() const;

   private:
    friend class ProcessGroup;
    struct State;
    std::shared_ptr<State> state_;
  };
  // A tensor x is contiguous (Error otherwise), and has the same shape and type in all processes. All operations throw GroupError
  // when a process fails.

  /// x becomes the elementwise sum over the processes.
  Work all_reduce_async(const at::Tensor& x) const;
  /// Only the process `root` gets the sum; x is undefined in the others.
  Work reduce_async(const at::Tensor& x, int64_t root) const;
  /// x becomes that of the process `root`.
  Work broadcast_async(const at::Tensor& x, int64_t root) const;

  /// x becomes the elementwise sum, or the maximum, over the processes.
  void all_reduce(const at::Tensor& x) const;
  void all_reduce_max(const at::Tensor& x) const;
  /// The elementwise sum over the processes, of vectors of the same length.
  std::vector<double> all_reduce(std::vector<double> values) const;
  /// Whether it is true in any process.
  bool any(bool value) const;
  /// The texts of all processes, by rank.
  std::vector<std::string> all_gather(const std::string& text) const;
  /// GroupError naming the first rank whose text, of lines, differs from that of rank 0, and how. `what`: "recipe".
  void check_same(const std::string& what, const std::string& text) const;
  /// Returns when all processes have called it.
  void barrier() const;

  /// While it lives, the others wait for this process as long as it sends heartbeats: for what one process does alone, such
  /// as writing files.
  class Busy {
   public:
    explicit Busy(const ProcessGroup& group);
    ~Busy();
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    std::shared_ptr<struct ProcessGroupState> state_;
  };

  /// Ends the group in good order, when all processes have called it.
  void shutdown();
  /// Tells the others why this process ends: their next collective operation throws this message.
  void report_failure(const std::string& message) const;

 private:
  enum Part { kAll, kOnMachine, kAcrossMachines, kParts };
  friend struct ProcessGroupState;
  template <class Operation>
  Work start(const at::Tensor& x, const Operation& operation) const;

  std::shared_ptr<struct ProcessGroupState> state_;  // null: one process
  Part part_ = kAll;
};

}  // namespace fourm
