// The devices of this machine: the CPU and its GPUs.
#pragma once

#include <string>
#include <vector>

#include "fourm/core/tensor.h"

namespace fourm {

/// "cpu", "cuda", "cuda:N", or "auto": the first GPU where the installed LibTorch and the driver have one, else the CPU.
/// LibTorch's CUDA library is loaded when a GPU is named, or by "auto" where it is installed. Error when the name is
/// unknown, LibTorch has no CUDA library, there is no driver or no such GPU.
at::Device parse_device(const std::string& name);

/// Error on a name that parse_device() does not know. No device is looked for.
void check_device_name(const std::string& name);

/// Several devices: names separated by commas, or "cuda:all" for all GPUs. Error when one is named twice, and when
/// several are not all GPUs.
std::vector<at::Device> parse_devices(const std::string& names);

/// The device as parse_device() takes it: "cpu" or "cuda:N".
std::string device_name(at::Device device);

/// The names of all GPUs that can be used: "cuda:0", ...; none without a CUDA library or driver.
std::vector<std::string> gpu_names();

/// Whether a GPU has instructions for bfloat16 (NVIDIA: compute capability 8.0 or later).
bool has_fast_bf16(at::Device device);

/// Waits until the device has done what it was given.
void synchronize(at::Device device);

/// GiB of the device that tensors have taken at most since the last reset_peak_memory(); 0 on the CPU.
double peak_memory(at::Device device);
void reset_peak_memory(at::Device device);

}  // namespace fourm
