#include "fourm/kernels/compute.h"

#include "fourm/core/error.h"
#include "fourm/kernels/device.h"

namespace fourm {

void check_precision(Precision precision, at::Device device) {
  check(precision != Precision::kInt8 || device.is_cpu(), "precision int8 is for the CPU; on ", device_name(device),
        " use bf16, f16 or f32");
  check(precision != Precision::kF16 || !device.is_cpu(),
        "precision f16 is for GPUs; on the CPU use bf16, int8 or f32");
}

}  // namespace fourm
