// The random numbers of a training step.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/core/tensor.h"

namespace fourm {

/// Random numbers of a quantiser.
class QuantizerDraws {
 public:
  virtual ~QuantizerDraws() = default;
  /// `wanted` indices of vectors in [0, vectors): distinct while there are enough. Long [wanted].
  virtual Tensor rows(int64_t vectors, int64_t wanted) = 0;
  /// Independent uniform numbers in (0, 1).
  virtual Tensor uniform(at::IntArrayRef shape) = 0;
};

/// Random numbers of a tokenizer: diffusion needs time steps and noise too.
class TrainingDraws : public QuantizerDraws {
 public:
  /// Independent integers in [0, bound). Long [count].
  virtual Tensor below(int64_t bound, int64_t count) = 0;
  /// Independent standard normal numbers.
  virtual Tensor normal(at::IntArrayRef shape) = 0;
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

/// Standard normal numbers of a stream.
Tensor normal_tensor(Random random, at::IntArrayRef shape);

}  // namespace fourm
