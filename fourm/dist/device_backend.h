// The backend for collective operations of tensors in the memory of GPUs.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <memory>

namespace fourm {

class DeviceBackendFactory {
 public:
  virtual ~DeviceBackendFactory() = default;
  /// The backend of a process, `rank` of `size`. Its first operation may connect the processes.
  virtual c10::intrusive_ptr<c10d::Backend> make(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                 int size) const = 0;
};

/// NCCL's, where the module fourm_nccl (nccl/nccl_backend.cpp) lies beside the program or in LD_LIBRARY_PATH. Null, with a
/// warning, where it cannot be loaded, and null where there is none.
std::shared_ptr<const DeviceBackendFactory> nccl_backend_factory();

}  // namespace fourm
