#include "fourm/tokenizer/draws.h"

namespace fourm {
namespace {

Tensor fill_normal(Random& random, at::IntArrayRef shape) {
  Tensor out = at::empty(shape, at::kFloat);
  float* data = out.data_ptr<float>();
  for (int64_t i = 0; i < out.numel(); ++i) data[i] = static_cast<float>(random.normal());
  return out;
}

}  // namespace

Tensor SeededDraws::rows(int64_t vectors, int64_t wanted) {
  std::vector<int64_t> picked;
  if (wanted <= vectors) {
    picked = random_.permutation(vectors);
    picked.resize(wanted);
  } else {
    for (int64_t i = 0; i < wanted; ++i) picked.push_back(random_.below(vectors));
  }
  return at::tensor(picked, at::kLong);
}

Tensor SeededDraws::uniform(at::IntArrayRef shape) {
  Tensor out = at::empty(shape, at::kFloat);
  float* data = out.data_ptr<float>();
  for (int64_t i = 0; i < out.numel(); ++i) data[i] = static_cast<float>((random_.bits() >> 9) + 0.5) * 0x1p-23F;
  return out;
}

Tensor SeededDraws::below(int64_t bound, int64_t count) {
  Tensor out = at::empty({count}, at::kLong);
  for (int64_t i = 0; i < count; ++i) out.data_ptr<int64_t>()[i] = random_.below(bound);
  return out;
}

Tensor SeededDraws::normal(at::IntArrayRef shape) { return fill_normal(random_, shape); }

Tensor normal_tensor(Random random, at::IntArrayRef shape) { return fill_normal(random, shape); }

}  // namespace fourm
