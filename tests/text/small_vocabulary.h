// A small tokenizer, learnt on the spot, for tests that need no official file.
#pragma once

#include "fourm/text/wordpiece.h"
#include "fourm/text/wordpiece_trainer.h"

namespace fourm::test {

inline std::string small_tokenizer_json() {
  WordPieceOptions options;
  options.vocabulary_size = 190;
  options.sentinels = 10;
  options.coordinates = 20;
  options.classes = {"zebra", "Teddy Bear", "cat", "chair"};
  WordPieceTrainer trainer(options);
  for (const char* text : {"A red chair stands beside a table.", "two tables and a cat, asleep; it's warm",
                           "the café is open? yes! catering", "v0=1 v1=2 v2=3 v3=4 cat", "a 漢字 sign <x> = 5 [or] 6"})
    for (int i = 0; i < 3; ++i) trainer.add(text);
  return trainer.tokenizer_json();
}

inline WordPiece small_tokenizer() { return WordPiece::from_json(small_tokenizer_json(), "small.json"); }

}  // namespace fourm::test
