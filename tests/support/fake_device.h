// A stand-in for a GPU, which the CPU computes for: tests of the code for devices need no GPU. It is LibTorch's device
// PrivateUse1 and is stricter than a GPU:
//
//   memory      cannot be read or written through a tensor's pointer. A loop over data_ptr() ends the program.
//   operators   an error where tensors of the CPU and of the device meet. Only scalars (0-dim) of the CPU may, as on
//               CUDA.
//   attention   the variable-length kernels have the names and the checks of CUDA's.
//   autocast    the operators that CUDA narrows and widens.
//   counts      of copies, reads that wait for the device, and operators.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "fourm/core/tensor.h"

namespace fourm::test {

at::Device fake_device();

struct DeviceCounts {
  int64_t uploads = 0;       ///< copies from the CPU
  int64_t downloads = 0;     ///< copies to the CPU
  int64_t scalar_reads = 0;  ///< of item() and of conditions
  int64_t waits = 0;         ///< operators that read values, for the size of their result or to check them: nonzero()
  std::map<std::string, int64_t> operators;  ///< calls by name: "aten::mul.out"

  /// How often the host had to wait for the device.
  int64_t reads() const { return downloads + scalar_reads + waits; }
  int64_t calls(const std::string& name) const {
    const auto found = operators.find(name);
    return found == operators.end() ? 0 : found->second;
  }
};
/// What happened since the last call, in all threads.
DeviceCounts take_counts();

// For operators of the device.
void count_operator(const std::string& name);
/// The tensor's memory as a tensor of the CPU. Tensors of the CPU and undefined ones stay as they are.
Tensor on_host(const Tensor& tensor);

}  // namespace fourm::test
