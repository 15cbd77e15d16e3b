#include "fourm/kernels/cpu/huge_page_tensor.h"

#include "fourm/core/memory.h"

namespace fourm {

Tensor huge_page_tensor(at::IntArrayRef shape, at::ScalarType type) {
  const auto count = static_cast<size_t>(c10::multiply_integers(shape));
  const std::shared_ptr<void> memory = own_pages(count * c10::elementSize(type));
  return at::from_blob(
      memory.get(), shape, [memory](void*) {}, type);
}

}  // namespace fourm
