#include "fourm/kernels/kernels.h"

#include "fourm/kernels/aten/aten_kernels.h"
#include "fourm/kernels/cpu/cpu_kernels.h"

namespace fourm {

std::shared_ptr<const Kernels> make_kernels(const Compute& compute, ReleasePages release_pages) {
  check_precision(compute.precision, compute.device);
  if (compute.device.is_cpu() && !compute.reference) return cpu_kernels(compute, std::move(release_pages));
  return std::make_shared<AtenKernels>(compute);
}

}  // namespace fourm
