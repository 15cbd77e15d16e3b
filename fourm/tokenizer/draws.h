// The random numbers of a training step.
#pragma once

#include <vector>

#include "fourm/core/rng.h"
#include "fourm/core/tensor.h"

namespace fourm {

/// Random numbers of a quantiser.
class QuantizerDraws {
 public:
  virtual ~QuantizerDraws() = default;
  /// `wanted` indices of vectors in [0, vectors): distinct while there are enough. Long [wanted].
  virtual Tensor rows(int64_t vectors, int64_t wanted) = 0;
  /// Independent uniform numbers in (0, 1). The first dimension of a shape is that of images, or of the same number of rows
  /// of each.
  virtual Tensor uniform(at::IntArrayRef shape) = 0;
};

/// Random numbers of a tokenizer: diffusion needs time steps and noise too.
class TrainingDraws : public QuantizerDraws {
 public:
  /// Independent integers in [0, bound). Long [count], for so many images.
  virtual Tensor below(int64_t bound, int64_t count) = 0;
  /// Independent standard normal numbers.
  virtual Tensor normal(at::IntArrayRef shape) = 0;
  /// Those of an image alone.
  virtual TrainingDraws& of_image(int64_t /*image*/) { return *this; }
};

/// Random numbers of the step `index`, from the stream of this name under `seed`.
class SeededDraws : public TrainingDraws {
 public:
  SeededDraws(uint64_t seed, uint64_t index, std::string_view stream = "quantizer")
      : random_(seed, {hash_text(stream), index}) {}
  Tensor rows(int64_t vectors, int64_t wanted) override;
  Tensor uniform(at::IntArrayRef shape) override;
  Tensor below(int64_t bound, int64_t count) override;
  Tensor normal(at::IntArrayRef shape) override;

 private:
  Random random_;
};

/// Random numbers of the images first to first + count - 1 of a run, each from a stream of its own: those of an image depend
/// neither on the batch nor on the process that has it. rows() is of the step `index`.
class ImageDraws : public TrainingDraws {
 public:
  ImageDraws(uint64_t seed, uint64_t index, int64_t first, int64_t count);
  Tensor rows(int64_t vectors, int64_t wanted) override { return common_.rows(vectors, wanted); }
  Tensor uniform(at::IntArrayRef shape) override;
  Tensor below(int64_t bound, int64_t count) override;
  Tensor normal(at::IntArrayRef shape) override;
  TrainingDraws& of_image(int64_t image) override { return images_.at(image); }

 private:
  // The results of draw(draws of an image, shape of its part), one below the other.
  template <class Draw>
  Tensor joined(at::IntArrayRef shape, const Draw& draw);

  SeededDraws common_;
  std::vector<SeededDraws> images_;
};

/// Standard normal numbers of a stream.
Tensor normal_tensor(Random random, at::IntArrayRef shape);

}  // namespace fourm
