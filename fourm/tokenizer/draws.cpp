#include "fourm/tokenizer/draws.h"

#include "fourm/core/error.h"

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

ImageDraws::ImageDraws(uint64_t seed, uint64_t index, int64_t first, int64_t count) : common_(seed, index) {
  for (int64_t i = first; i < first + count; ++i) images_.emplace_back(seed, static_cast<uint64_t>(i), "image");
}

template <class Draw>
Tensor ImageDraws::joined(at::IntArrayRef shape, const Draw& draw) {
  const auto images = static_cast<int64_t>(images_.size());
  std::vector<int64_t> part = shape.vec();
  check(!part.empty() && part[0] % images == 0, "[ImageDraws] the shape ", shape, " is not of ", images, " images");
  part[0] /= images;
  std::vector<Tensor> parts;
  for (SeededDraws& image : images_) parts.push_back(draw(image, part));
  return at::cat(parts);
}

Tensor ImageDraws::uniform(at::IntArrayRef shape) {
  return joined(shape, [](SeededDraws& image, const auto& part) { return image.uniform(part); });
}

Tensor ImageDraws::below(int64_t bound, int64_t count) {
  return joined({count}, [&](SeededDraws& image, const auto& part) { return image.below(bound, part[0]); });
}

Tensor ImageDraws::normal(at::IntArrayRef shape) {
  return joined(shape, [](SeededDraws& image, const auto& part) { return image.normal(part); });
}

Tensor normal_tensor(Random random, at::IntArrayRef shape) { return fill_normal(random, shape); }

}  // namespace fourm
