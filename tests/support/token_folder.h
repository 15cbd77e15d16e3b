// A small token folder in which everything follows from everything: each sample has a kind, which its caption names,
// its box, pixels and tokens show.
#pragma once

#include "fourm/core/json.h"
#include "fourm/data/token_set.h"
#include "fourm/io/npy.h"
#include "fourm/text/wordpiece_trainer.h"

namespace fourm::test {

constexpr const char* kSmallModalities = R"(modalities:
  rgb@64: {kind: pixels, image_size: 64, patch_size: 16}
  tok_depth@64: {vocab_size: 32, image_size: 64, patch_size: 16}
  caption: {kind: sequence, vocab_size: 400, max_tokens: 16}
  det: {kind: sequence, vocab_size: 400, max_tokens: 16}
)";

/// A line of a recipe: a model of these modalities.
constexpr const char* kSmallModel =
    R"(model: {domains_in: [rgb@64, tok_depth@64, caption, det], domains_out: [tok_depth@64, caption, det], dim: 32,
        encoder_depth: 1, decoder_depth: 1, num_heads: 2, gated_mlp: true, qkv_bias: false, proj_bias: false,
        mlp_bias: false}
)";

inline const std::vector<std::string>& furniture() {
  static const std::vector<std::string> names{"bed", "chair", "lamp", "table"};
  return names;
}

/// Writes modalities.yaml, text.json and `samples` samples of `crops` crops under `root`.
inline void write_token_folder(const fs::path& root, int64_t samples, int64_t crops = 1) {
  write_file(root / "modalities.yaml", kSmallModalities);
  WordPieceTrainer text(
      {.vocabulary_size = 400, .sentinels = 20, .coordinates = 32, .classes = furniture(), .min_frequency = 0});
  for (const auto& name : furniture()) text.add("a room with a " + name);
  write_file(root / "text.json", text.tokenizer_json());

  for (int64_t i = 0; i < samples; ++i) {
    const int64_t kind = i % 4;
    const std::string& name = furniture()[kind];
    const std::string file = "room" + std::to_string(i);
    std::vector<int64_t> depth, pixels, views;
    for (int64_t c = 0; c < crops; ++c) {
      views.insert(views.end(), {0, 0, 64, 64, 0});
      for (int64_t t = 0; t < 16; ++t) depth.push_back((7 * kind + t + c) % 32);
      for (int64_t p = 0; p < 64 * 64 * 3; ++p) pixels.push_back((60 * kind + p % 3 + c) % 256);
    }
    write_npy(root / "tok_depth@64" / (file + ".npy"), npy_from_integers(depth, {crops, 16}, "i2"));
    write_npy(root / "rgb@64" / (file + ".npy"), npy_from_integers(pixels, {crops, 64, 64, 3}, "u1"));
    if (crops > 1) write_npy(root / "crop_settings" / (file + ".npy"), npy_from_integers(views, {crops, 5}, "i4"));
    write_json(root / "caption" / (file + ".json"), {"a room with a " + name, "a " + name});
    write_json(root / "det" / (file + ".json"),
               {{"height", 64},
                {"width", 64},
                {"instances",
                 {{{"boxes", {0.1 * static_cast<double>(kind), 0.25, 0.5, 0.75}}, {"class_name", name}, {"score", 0.9}},
                  {{"boxes", {0.1, 0.1, 0.2, 0.2}}, {"class_name", name}, {"score", 0.1}}}}});
  }
}

}  // namespace fourm::test
