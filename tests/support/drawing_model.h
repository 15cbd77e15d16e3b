// A small model of what is drawn: maps, boxes, segment-anything instances and poses, with fresh weights and tokenizers.
#pragma once

#include "fourm/model/model_file.h"
#include "fourm/text/wordpiece_trainer.h"
#include "tests/support/small_tokenizers.h"

namespace fourm::test {

/// FOLDER/ with the model, tokenizers of its maps, tokenizers/sam_mask, tokenizers/human_poses and tokenizer.json.
inline void write_drawing_model(const fs::path& folder) {
  const std::string table =
      "modalities:\n"
      "  rgb@32: {kind: pixels, image_size: 32, patch_size: 8}\n"
      "  tok_rgb@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n"
      "  tok_semseg@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n"
      "  tok_depth@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n"
      "  caption: {kind: sequence, vocab_size: 4200, max_tokens: 24}\n"
      "  det: {kind: sequence, vocab_size: 4200, max_tokens: 24}\n"
      "  sam_instance: {kind: sequence, vocab_size: 4200, max_tokens: 120}\n"
      "  human_poses: {kind: sequence, vocab_size: 4200, max_tokens: 120}\n"
      "  vectors: {kind: embeddings, width: 3, max_tokens: 5}\n";
  ModalityTable modalities;
  modalities.extend(table, "the drawing model");
  ModelConfig model;
  model.domains_in = {"rgb@32", "tok_rgb@32",   "tok_semseg@32", "caption",
                      "det",    "sam_instance", "human_poses",   "vectors"};
  model.domains_out = {"tok_rgb@32", "tok_semseg@32", "tok_depth@32", "caption", "det", "sam_instance", "human_poses"};
  model.dim = 16;
  model.encoder_depth = model.decoder_depth = 1;
  model.num_heads = 2;
  save_model(create_model(model, modalities, 1), folder);
  write_file(folder / "modalities.yaml", table);

  const auto tokenizer = [&](const char* name, int64_t channels, const char* kind, int64_t codes) {
    TokenizerConfig c = small_image_tokenizer();
    c.n_channels = channels;
    c.codebook_size = codes;
    c.input.emplace().kind = kind;
    if (c.input->has_labels()) c.n_labels = 5;
    Tokenizer::create(c, 2).save(folder / "tokenizers" / name);
  };
  tokenizer("tok_rgb@32", 3, "rgb", 16);
  tokenizer("tok_semseg@32", 4, "semseg", 16);
  tokenizer("tok_depth@32", 1, "depth", 16);
  tokenizer("sam_mask", 1, "mask", 1024);
  TokenizerConfig poses = small_vector_tokenizer(8);
  poses.n_channels = 207;
  poses.codebook_size = 1024;
  Tokenizer::create(poses, 3).save(folder / "tokenizers/human_poses");

  WordPieceTrainer text({.vocabulary_size = 4200,
                         .sentinels = 20,
                         .coordinates = 1000,
                         .classes = {"chair", "table"},
                         .min_frequency = 0});
  for (const char* words : {"a room with a chair", "point polygon none", "human pose global camera shape"})
    text.add(words);
  write_file(folder / "tokenizer.json", text.tokenizer_json());
}

}  // namespace fourm::test
