#include "fourm/kernels/upload.h"

#include <map>

namespace fourm {

void upload(const std::vector<Tensor*>& tensors, at::Device device) {
  std::map<at::ScalarType, std::vector<Tensor*>> by_type;
  for (Tensor* tensor : tensors)
    if (tensor->defined() && tensor->device() != device) by_type[tensor->scalar_type()].push_back(tensor);
  for (const auto& [type, group] : by_type) {
    int64_t total = 0;
    for (const Tensor* tensor : group) total += tensor->numel();
    // Pinned memory is copied while the host continues.
    Tensor joined = at::empty({total}, at::TensorOptions(type).pinned_memory(device.is_cuda()));
    int64_t begin = 0;
    for (const Tensor* tensor : group) {
      joined.narrow(0, begin, tensor->numel()).copy_(tensor->reshape({-1}));
      begin += tensor->numel();
    }
    joined = joined.to(device, /*non_blocking=*/true);
    begin = 0;
    for (Tensor* tensor : group) {
      const int64_t n = tensor->numel();
      *tensor = joined.narrow(0, begin, n).view(tensor->sizes());
      begin += n;
    }
  }
}

}  // namespace fourm
