// Learns a WordPiece vocabulary: pieces are merged pairwise, most frequent first (Sennrich et al. 2016), and written
// with the special tokens of 4M as a Hugging Face `tokenizer.json` (paper appendix B.2; the original's
// fourm/utils/tokenizer/text_tokenizer.py).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/text/splitter.h"

namespace fourm {

struct WordPieceOptions {
  int64_t vocabulary_size = 30000;   ///< special tokens included
  int64_t sentinels = 200;           ///< [S_0], [S_1], ...
  int64_t coordinates = 1000;        ///< v0=0 ... v3=<coordinates - 1>
  std::vector<std::string> classes;  ///< names that stay one token; in any order
  int64_t min_frequency = 0;         ///< pairs that are rarer are not merged
  int64_t max_alphabet = 1000;       ///< the most frequent characters; words with others become [UNK]
};

/// The ids are: [PAD] [UNK] [SOS] [EOS], sentinels, coordinates, class names in alphabetical order, then characters and
/// pieces. The result depends only on the options and on the texts, not on their order.
class WordPieceTrainer {
 public:
  explicit WordPieceTrainer(const WordPieceOptions& options);

  /// Counts the words of a text. Special tokens in it are passed over.
  void add(std::string_view text);

  /// The file to write. Error when the vocabulary size has no room for the special tokens and the alphabet.
  std::string tokenizer_json() const;

 private:
  WordPieceOptions options_;
  std::vector<AddedToken> special_;
  BertNormalizer normalizer_;
  Splitter splitter_;
  std::map<std::string, int64_t> words_;
};

}  // namespace fourm
