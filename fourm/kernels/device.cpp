#include "fourm/kernels/device.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/DeviceGuard.h>
#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

// Loads LibTorch's CUDA library, which registers its kernels. It is a library of its own that takes a moment and memory to
// load. Returns what is wrong; empty when it is loaded.
std::string load_cuda() {
  static const std::string problem = [] {
    // LibTorch looks for the library once, at the first question about CUDA: there must be none before it is loaded.
    if (!dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL)) {
      const char* reason = dlerror();
      return concat("the installed LibTorch has no CUDA library (", reason ? reason : "unknown reason",
                    "); scripts/install.sh --cuda installs one");
    }
    if (!at::detail::getCUDAHooks().hasCUDART())  // not hasCUDA(), which is false without a GPU
      return std::string("LibTorch was asked about CUDA before its CUDA library was loaded: name the device earlier");
    // Otherwise float32 convolutions would round their inputs to TF32; matrix multiplications do not.
    at::globalContext().setAllowTF32CuDNN(false);
    return std::string();
  }();
  return problem;
}

int64_t gpu_count() { return load_cuda().empty() ? at::detail::getCUDAHooks().deviceCount() : 0; }

// The number of the GPU that is named "cuda" or "cuda:N". Error on another name.
int64_t gpu_index(const std::string& name) {
  if (name == "cuda") return 0;
  const std::string_view number = name.starts_with("cuda:") ? std::string_view(name).substr(5) : std::string_view();
  int64_t index = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
  const bool is_number = !number.empty() && end == number.data() + number.size() && number[0] != '-';
  check(is_number, "unknown device ", printable(name),
        "; known: cpu, cuda, cuda:N, auto, and for several GPUs cuda:0,cuda:1 or cuda:all");
  return error == std::errc() ? index : std::numeric_limits<int64_t>::max();  // more GPUs than there are
}

}  // namespace

void check_device_name(const std::string& name) {
  if (name != "cpu" && name != "auto") gpu_index(name);
}

at::Device parse_device(const std::string& name) {
  if (name == "cpu") return at::kCPU;
  if (name == "auto") return gpu_count() > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  const int64_t index = gpu_index(name);
  const std::string problem = load_cuda();
  check(problem.empty(), "device ", name, ": ", problem);
  const int64_t count = gpu_count();
  check(count > 0, "device ", name,
        ": no GPU was found; it needs an NVIDIA driver, and CUDA_VISIBLE_DEVICES must not hide every GPU");
  check(index < count, "device ", name, ": there ",
        count == 1 ? "is one GPU, cuda:0" : concat("are ", count, " GPUs, cuda:0 to cuda:", count - 1));
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

std::vector<at::Device> parse_devices(const std::string& names) {
  std::vector<at::Device> devices;
  if (names == "cuda:all") {
    devices.push_back(parse_device("cuda"));  // an Error when there is none
    for (int64_t i = 1; i < gpu_count(); ++i) devices.emplace_back(at::kCUDA, static_cast<at::DeviceIndex>(i));
    return devices;
  }
  const std::vector<std::string> list = split(names, ',');
  for (const auto& name : list) {
    const at::Device device = parse_device(name);
    check(list.size() == 1 || !device.is_cpu(), "device ", printable(names), ": several devices must be GPUs");
    check(std::find(devices.begin(), devices.end(), device) == devices.end(), "device ", device_name(device),
          " is named twice in ", printable(names));
    devices.push_back(device);
  }
  return devices;
}

bool has_fast_bf16(at::Device device) {
  if (!device.is_cuda()) return true;
  const c10::DeviceGuard guard(device);  // LibTorch answers for the current device
  return at::detail::getCUDAHooks().supportsBFloat16ConvolutionWithCuDNNv8();
}

std::string device_name(at::Device device) {
  return device.is_cpu() ? "cpu"
                         : concat(at::DeviceTypeName(device.type(), /*lower_case=*/true), ":",
                                  std::max(0, static_cast<int>(device.index())));
}

std::vector<std::string> gpu_names() {
  std::vector<std::string> names;
  for (int64_t i = 0; i < gpu_count(); ++i) names.push_back(concat("cuda:", i));
  return names;
}

void synchronize(at::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

double peak_memory(at::Device device) {
  if (device.is_cpu()) return 0;
  const auto stats = at::accelerator::getDeviceStats(device.index());
  return static_cast<double>(
             stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak) /
         (1 << 30);
}

void reset_peak_memory(at::Device device) {
  if (!device.is_cpu()) at::accelerator::resetPeakStats(device.index());
}

}  // namespace fourm
