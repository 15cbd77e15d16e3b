// A small model of every kind of input, with fresh weights and its tokenizers, and files that it reads.
#pragma once

#include "fourm/model/model_file.h"
#include "fourm/text/wordpiece_trainer.h"
#include "tests/support/small_tokenizers.h"

namespace fourm::test {

/// FOLDER/ with model, tokenizers/tok_rgb@32, tokenizers/tok_global@32 and tokenizer.json.
inline void write_small_model(const fs::path& folder) {
  const std::string table =
      "modalities:\n"
      "  rgb@32: {kind: pixels, image_size: 32, patch_size: 8}\n"
      "  tok_rgb@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n"
      "  tok_global@32: {vocab_size: 16, image_size: 32, patch_size: 8}\n"
      "  caption: {kind: sequence, vocab_size: 400, max_tokens: 24}\n"
      "  det: {kind: sequence, vocab_size: 400, max_tokens: 24}\n"
      "  vectors: {kind: embeddings, width: 3, max_tokens: 5}\n";
  ModalityTable modalities;
  modalities.extend(table, "the small model");
  ModelConfig model;
  model.domains_in = {"rgb@32", "tok_rgb@32", "tok_global@32", "caption", "det", "vectors"};
  model.domains_out = {"tok_rgb@32", "tok_global@32", "caption", "det"};
  model.dim = 16;
  model.encoder_depth = model.decoder_depth = 1;
  model.num_heads = 2;
  save_model(create_model(model, modalities, 1), folder);
  write_file(folder / "modalities.yaml", table);
  Tokenizer::create(small_image_tokenizer(), 2).save(folder / "tokenizers/tok_rgb@32");
  Tokenizer::create(small_vector_tokenizer(), 3).save(folder / "tokenizers/tok_global@32");
  WordPieceTrainer text(
      {.vocabulary_size = 400, .sentinels = 20, .coordinates = 32, .classes = {"chair", "table"}, .min_frequency = 0});
  for (const char* caption : {"a room with a chair", "a table on the left"}) text.add(caption);
  write_file(folder / "tokenizer.json", text.tokenizer_json());
}

}  // namespace fourm::test
