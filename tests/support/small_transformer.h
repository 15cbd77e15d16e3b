// A Transformer with every kind of input and of target, and batches for it.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/model/fourm.h"

namespace fourm::test {

inline ModalityTable small_table() {
  ModalityTable table;
  table.extend(R"(
modalities:
  pixels: {kind: pixels, image_size: 16, patch_size: 4}
  a: {kind: tokens, vocab_size: 31, image_size: 16, patch_size: 4}
  b: {kind: tokens, vocab_size: 17, image_size: 16, patch_size: 4, positions: learned}
  words: {kind: sequence, vocab_size: 40, max_tokens: 12}
  vectors: {kind: embeddings, width: 3, max_tokens: 4}
)",
               "the small Transformer");
  return table;
}

/// Heads are 8 wide, as the kernels of GPUs need.
inline ModelConfig small_transformer() {
  ModelConfig c;
  c.domains_in = {"pixels", "a", "b", "words", "vectors"};
  c.domains_out = {"a", "b", "words"};
  c.image_size = 16;
  c.patch_size = 4;
  c.dim = 32;
  c.encoder_depth = c.decoder_depth = 2;
  c.num_heads = 4;
  c.gated_mlp = true;
  return c;
}

/// Samples first to samples - 1, of random modalities and lengths. Sample 1 is given no input.
inline Batch random_batch(const ModelConfig& config, uint64_t seed, int64_t samples, int64_t first = 0) {
  constexpr int64_t kSlots = 16, kPatchNumbers = 48;
  std::vector<MaskedSample> batch;
  for (int64_t s = first; s < samples; ++s) {
    Random random(seed, {static_cast<uint64_t>(s)});
    const auto ids = [&](int64_t n, int64_t vocabulary) {
      std::vector<int64_t> values;
      for (int64_t i = 0; i < n; ++i) values.push_back(random.below(vocabulary));
      return values;
    };
    const auto slots = [&](int64_t n) {
      auto all = random.permutation(kSlots);
      all.resize(static_cast<size_t>(n));
      return std::vector<int64_t>(all.begin(), all.end());
    };
    const auto running = [](int64_t n) {
      std::vector<int64_t> values;
      for (int64_t i = 0; i < n; ++i) values.push_back(i);
      return values;
    };
    const auto numbers = [&](int64_t n) {
      std::vector<float> values;
      for (int64_t i = 0; i < n; ++i) values.push_back(static_cast<float>(random.uniform(-1, 1)));
      return values;
    };
    MaskedSample sample;
    if (s != 1) {
      const int64_t a = random.between(1, 7), b = random.between(0, 4), pixels = random.between(0, 5),
                    words = random.between(0, 6), vectors = random.between(0, 3);
      sample.inputs.push_back({"a", ids(a, 31), {}, 0, slots(a)});
      sample.inputs.push_back({"b", ids(b, 17), {}, 0, slots(b)});
      sample.inputs.push_back({"pixels", {}, numbers(pixels * kPatchNumbers), kPatchNumbers, slots(pixels)});
      sample.inputs.push_back({"words", ids(words, 40), {}, 0, running(words)});
      sample.inputs.push_back({"vectors", {}, numbers(vectors * 3), 3, running(vectors)});
    }
    const int64_t a = random.between(1, 9), b = random.between(0, 5);
    sample.targets.push_back({"a", ids(a, 31), {}, 0, slots(a)});
    if (random.chance(0.8)) sample.targets.push_back({"words", ids(random.between(2, 8), 40), {}, 0, {}});
    if (b > 0) sample.targets.push_back({"b", ids(b, 17), {}, 0, slots(b)});
    batch.push_back(std::move(sample));
  }
  const ModalityTable table = small_table();
  return pack(
      batch, [&](const std::string& name) { return config.modality(name, table); }, config.decoder_causal_mask,
      config.decoder_sep_mask);
}

}  // namespace fourm::test
