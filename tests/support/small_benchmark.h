// A token benchmark of two groups on a small token folder.
#pragma once

#include "fourm/experiments/token_benchmark.h"
#include "tests/support/token_folder.h"

namespace fourm::test {

/// Writes ROOT/data, and returns the recipe of a pre-training of a few steps on it.
inline PretrainConfig small_pretraining(const fs::path& root) {
  write_token_folder(root / "data", 8);
  PretrainConfig recipe;
  read_config(parse_yaml(R"(
batch: 4
eval_samples: 4
model: {domains_in: [rgb@64, tok_depth@64, caption], domains_out: [tok_depth@64, caption], dim: 16, encoder_depth: 1,
        decoder_depth: 1, num_heads: 2}
masking: {input_tokens: [8, 16], target_tokens: [16, 16], mixture: [{input_others: 0.5, target_others: 0.5}]}
training: {steps: 6, threads: 1, precision: f32, evaluate_every: 2, schedule: {lr: 0.01, warmup_steps: 1}}
)",
                         "the test"),
              recipe, "the test");
  recipe.data = recipe.eval_data = (root / "data").string();
  recipe.text_tokenizer = (root / "data/text.json").string();
  recipe.modalities = (root / "data/modalities.yaml").string();
  return recipe;
}

inline TokenBenchmarkConfig small_benchmark(const fs::path& root) {
  TokenBenchmarkConfig config;
  config.recipe = small_pretraining(root);
  config.out = (root / "benchmark").string();
  config.groups["text -> X"] = {"training.schedule.lr=0.02"};
  config.tasks = {{"depth", "RGB -> X", "tok_depth@64", {"rgb@64"}, {}},
                  {"caption", "RGB -> X", "caption", {"rgb@64"}, {"training.steps=4"}},
                  {"text_to_depth", "text -> X", "tok_depth@64", {"caption"}, {}}};
  return config;
}

}  // namespace fourm::test
