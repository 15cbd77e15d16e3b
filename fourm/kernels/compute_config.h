// The engine, precision and device of inference, as options of the command line and arguments of the library's plain
// headers. Compute (kernels/compute.h) is made from it.
#pragma once

#include <string>
#include <vector>

#include "fourm/core/config.h"

namespace fourm {

struct Compute;

struct ComputeConfig {
  std::string engine = "fast", precision = "f32", device = "cpu";

  /// The first of several devices.
  std::string first_device() const { return device == "cuda:all" ? "cuda" : device.substr(0, device.find(',')); }

  template <class Visitor>
  void fields(Visitor& v) {
    engine_and_precision(v);
    v("device", device,
      "cpu, cuda, cuda:N, or auto: a GPU where there is one; several GPUs: cuda:0,cuda:1 or cuda:all");
  }

 protected:
  template <class Visitor>
  void engine_and_precision(Visitor& v) {
    v("engine", engine, "fast, or reference: no packed weights, no caches", OneOf{{"fast", "reference"}});
    v("precision", precision,
      "f32 (exact), bf16, f16 (GPU), int8 (CPU), or auto: bf16 where the device is fast at it, else f32",
      OneOf{{"f32", "bf16", "f16", "int8", "auto"}});
  }
};

/// Of commands that use one device (compute_of).
struct OneDeviceConfig : ComputeConfig {
  template <class Visitor>
  void fields(Visitor& v) {
    engine_and_precision(v);
    v("device", device, "cpu, cuda, cuda:N, or auto: a GPU where there is one");
  }
};

/// Error on unknown names, a device that is not there and a precision that it does not have, and on several devices.
Compute compute_of(const ComputeConfig& config);
/// One for each device of the config.
std::vector<Compute> computes_of(const ComputeConfig& config);

/// The device and precision that are meant: "cpu in f32"; of several devices a list. Errors as of computes_of().
std::string describe(const ComputeConfig& config);

/// The precision that is meant ("f32"), of several devices that of the first. Errors as of computes_of().
std::string resolved_precision(const ComputeConfig& config);

/// Whether matrix multiplication in bfloat16 is faster than in float32 on the device of this name.
bool bf16_is_fast(const std::string& device = "cpu");

/// Warns where `precision` is "bf16" and the device has no instructions for it (`bf16_fast`). `key` is the option; `reason` may say
/// where the value comes from.
void warn_of_slow_precision(const std::string& key, const std::string& precision, bool bf16_fast,
                            const std::string& reason = "");

}  // namespace fourm
