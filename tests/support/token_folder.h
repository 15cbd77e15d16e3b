// A small token folder in which everything follows from everything: each sample has a kind, which its caption names,
// its box, pixels and tokens show.
#pragma once

#include "fourm/core/json.h"
#include "fourm/data/token_set.h"
#include "fourm/io/safetensors.h"
#include "fourm/text/wordpiece_trainer.h"

namespace fourm::test {

constexpr const char* kSmallModalities = R"(modalities:
  rgb@64: {kind: pixels, image_size: 64, patch_size: 16}
  tok_depth@64: {vocab_size: 32, image_size: 64, patch_size: 16}
  caption: {kind: sequence, vocab_size: 400, max_tokens: 16}
  det: {kind: sequence, vocab_size: 400, max_tokens: 16}
)";

inline const std::vector<std::string>& furniture() {
  static const std::vector<std::string> names{"bed", "chair", "lamp", "table"};
  return names;
}

/// Writes modalities.yaml, text.json and `samples` samples of `crops` crops under `root`.
inline void write_token_folder(const fs::path& root, int64_t samples, int64_t crops = 1) {
  write_file(root / "modalities.yaml", kSmallModalities);
  WordPieceTrainer text({.vocabulary_size = 400, .sentinels = 20, .coordinates = 32, .classes = furniture()});
  for (const auto& name : furniture()) text.add("a room with a " + name);
  write_file(root / "text.json", text.tokenizer_json());

  TokenSetIndex index{{}, crops};
  std::vector<int16_t> depth;
  std::vector<uint8_t> pixels;
  Json captions = Json::array(), boxes = Json::array();
  for (int64_t i = 0; i < samples; ++i) {
    index.samples.push_back("room" + std::to_string(i));
    const int64_t kind = i % 4;
    const std::string& name = furniture()[kind];
    captions.push_back({"a room with a " + name, "a " + name});
    boxes.push_back(
        {{"instances",
          {{{"boxes", {0.1 * static_cast<double>(kind), 0.25, 0.5, 0.75}}, {"class_name", name}, {"score", 0.9}},
           {{"boxes", {0.1, 0.1, 0.2, 0.2}}, {"class_name", name}, {"score", 0.1}}}}});
    for (int64_t c = 0; c < crops; ++c) {
      for (int64_t t = 0; t < 16; ++t) depth.push_back(static_cast<int16_t>((7 * kind + t + c) % 32));
      for (int64_t p = 0; p < 64 * 64 * 3; ++p) pixels.push_back(static_cast<uint8_t>((60 * kind + p % 3 + c) % 256));
    }
  }
  index.write(root);
  const auto write = [&](const char* name, const char* tensor, DType dtype, std::vector<int64_t> shape, auto& values) {
    write_safetensors(root / name, {{tensor, dtype, std::move(shape), reinterpret_cast<const std::byte*>(values.data()),
                                     values.size() * sizeof values[0]}});
  };
  write("tok_depth@64.safetensors", "tokens", DType::kI16, {samples, crops, 16}, depth);
  write("rgb@64.safetensors", "pixels", DType::kU8, {samples, crops, 64, 64, 3}, pixels);
  write_json(root / "caption.json", captions);
  write_json(root / "det.json", boxes);
}

}  // namespace fourm::test
