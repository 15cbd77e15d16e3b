#include "fourm/dist/all_gather.h"

namespace fourm {

Tensor all_gather_rows(const Tensor& own, const ProcessGroup& group) {
  if (group.size() == 1) return own;
  const Tensor counts = at::zeros({group.size()}, at::kLong);
  counts[group.rank()] = own.size(0);
  group.all_reduce(counts);
  const auto n = counts.sum().item<int64_t>(), begin = counts.slice(0, 0, group.rank()).sum().item<int64_t>();
  std::vector<int64_t> shape = own.sizes().vec();
  shape[0] = n;
  const Tensor all = at::zeros(shape, own.options().requires_grad(false));
  all.slice(0, begin, begin + own.size(0)).copy_(own.detach());
  group.all_reduce(all);
  if (!own.requires_grad()) return all;
  return at::cat({all.slice(0, 0, begin), own, all.slice(0, begin + own.size(0), n)});
}

}  // namespace fourm
