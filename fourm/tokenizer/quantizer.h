// Vector quantisation: latent vectors to codes and back, by an EMA codebook ("lucid") or memory codes. The original:
// fourm/vq/quantizers/quantize_lucid.py and quantize_memcodes.py.
#pragma once

#include <memory>

#include "fourm/nn/layers.h"
#include "fourm/tokenizer/codebook.h"

namespace fourm {

struct Quantized {
  Tensor rows;   ///< [N, d] quantised vectors; in training with the straight-through gradient
  Tensor codes;  ///< Long [N, Q], Q = num_codebooks
  Tensor loss;   ///< [1], commitment loss; 0 outside training
};

class Quantizer {
 public:
  virtual ~Quantizer() = default;
  /// Latents [N, d], float32 (bfloat16 does not resolve the distances of near codes) -> codes and their vectors.
  virtual Quantized encode(const Tensor& latents) const = 0;
  /// The same in training, for one micro-batch: straight-through gradients. Statistics are collected for update().
  virtual Quantized train(const Tensor& latents, QuantizerDraws& draws) = 0;
  /// One update of running statistics with all vectors of train() since the last update: once a training step, over
  /// the whole batch (paper appendix B.3: "after every iteration").
  virtual void update(QuantizerDraws&) {}
  /// The vectors of all processes of the group count in the statistics, as if one process had them.
  virtual void share_statistics(const ProcessGroup&) {}
  /// Long [N, Q], each in [0, codebook_size) -> [N, d].
  virtual Tensor decode(const Tensor& codes) const = 0;
};

/// All Q codebooks are one table; with more than one, linear layers project in and out.
class LucidQuantizer : public Quantizer {
 public:
  LucidQuantizer(const Scope& scope, const TokenizerConfig& config);
  Quantized encode(const Tensor& latents) const override;
  Quantized train(const Tensor& latents, QuantizerDraws& draws) override;
  void update(QuantizerDraws& draws) override { codebook_.update(draws); }
  void share_statistics(const ProcessGroup& group) override { codebook_.share_statistics(group); }
  Tensor decode(const Tensor& codes) const override;
  EmaCodebook& codebook() { return codebook_; }

 private:
  Tensor split_codebooks(const Tensor& latents) const;  ///< [N, d] -> [N*Q, d]
  Tensor join_codebooks(const Tensor& vectors) const;   ///< [N*Q, d] -> [N, d]

  int64_t codebooks_, width_;
  bool norm_latents_;
  double commitment_;
  EmaCodebook codebook_;
  Linear project_in_, project_out_;
};

/// Learned codes with key and value maps per codebook; training samples by straight-through Gumbel-softmax.
class MemoryCodes : public Quantizer {
 public:
  MemoryCodes(const Scope& scope, const TokenizerConfig& config);
  Quantized encode(const Tensor& latents) const override;
  Quantized train(const Tensor& latents, QuantizerDraws& draws) override;
  Tensor decode(const Tensor& codes) const override;

 private:
  Tensor logits(const Tensor& latents) const;  ///< [Q, N, K]

  int64_t codebooks_;
  Tensor codes_, to_k_, to_v_;
};

std::unique_ptr<Quantizer> make_quantizer(const Scope& scope, const TokenizerConfig& config);

}  // namespace fourm
