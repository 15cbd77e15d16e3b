// Where and how a model computes: the device, the precision and the kernels. A model is opened or created with one value
// of this type, and keeps it.
#pragma once

#include "fourm/core/tensor.h"
#include "fourm/kernels/precision.h"

namespace fourm {

struct Compute {
  at::Device device = at::kCPU;
  /// Of matrix multiplications in inference. A model that can be trained keeps float32 weights; PrecisionScope narrows
  /// its multiplications.
  Precision precision = Precision::kF32;
  /// Opened for inference: weights may be packed or stored in `precision`, and cannot be trained.
  bool inference = false;
  /// Plain LibTorch operators without packed weights; generation computes each pass alone and without caches.
  bool reference = false;

  static Compute for_training(at::Device device = at::kCPU) { return {.device = device}; }
  static Compute for_inference(Precision precision = Precision::kF32, at::Device device = at::kCPU) {
    return {.device = device, .precision = precision, .inference = true};
  }
  static Compute for_reference(at::Device device = at::kCPU) {
    return {.device = device, .inference = true, .reference = true};
  }
};

/// Error when matrix multiplications on the device have no such precision: f16 is for GPUs, int8 for CPUs.
void check_precision(Precision precision, at::Device device);

}  // namespace fourm
