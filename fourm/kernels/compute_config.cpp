#include "fourm/kernels/compute_config.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/kernels/compute.h"
#include "fourm/kernels/cpu/onednn.h"
#include "fourm/kernels/device.h"

namespace fourm {
namespace {

bool bf16_is_fast_on(at::Device device) {
  if (!device.is_cpu()) return has_fast_bf16(device);
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") && onednn_has_linear(at::kBFloat16);
#else
  return false;
#endif
}

}  // namespace

bool bf16_is_fast(const std::string& device) {
  const std::vector<at::Device> devices = parse_devices(device);
  return std::all_of(devices.begin(), devices.end(), bf16_is_fast_on);
}

std::vector<Compute> computes_of(const ComputeConfig& config) {
  check_fields(config, "the engine");
  std::vector<Compute> computes;
  for (const at::Device device : parse_devices(config.device)) {
    if (config.engine == "reference") {
      check(config.precision == "f32" || config.precision == "auto", "the reference engine computes in f32 only");
      computes.push_back(Compute::for_reference(device));
      continue;
    }
    const bool automatic = config.precision == "auto";
    const Precision precision = !automatic                ? parse_precision(config.precision)
                                : bf16_is_fast_on(device) ? Precision::kBf16
                                                          : Precision::kF32;
    check_precision(precision, device);
    computes.push_back(Compute::for_inference(precision, device));
  }
  return computes;
}

Compute compute_of(const ComputeConfig& config) {
  const std::vector<Compute> computes = computes_of(config);
  check(computes.size() == 1, "device ", printable(config.device), ": expected one device, such as cuda:0");
  return computes[0];
}

std::string describe(const ComputeConfig& config) {
  std::vector<std::string> texts;
  for (const Compute& compute : computes_of(config))
    texts.push_back(concat(device_name(compute.device), " in ", precision_name(compute.precision)));
  return join(texts, ", ");
}

std::string resolved_precision(const ComputeConfig& config) { return precision_name(computes_of(config)[0].precision); }

void warn_of_slow_precision(const std::string& key, const std::string& precision, bool bf16_fast,
                            const std::string& reason) {
  if (precision == "bf16" && !bf16_fast)
    warn(key, " is bf16, ", reason, "the device has no instructions for it: f32 is many times faster there");
}

}  // namespace fourm
