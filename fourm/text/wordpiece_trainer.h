// Learns a WordPiece vocabulary: pieces are merged pairwise, most frequent first (Sennrich et al. 2016), and written
// with the special tokens of 4M as a Hugging Face `tokenizer.json` (paper appendix B.2; the original's
// fourm/utils/tokenizer/text_tokenizer.py).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/text/splitter.h"

namespace fourm {

struct WordPieceOptions {
  int64_t vocabulary_size = 2000;      ///< special tokens included
  int64_t sentinels = 20;              ///< [S_0], [S_1], ...
  int64_t coordinates = 100;           ///< v0=0 ... v3=<coordinates - 1>
  std::vector<std::string> classes{};  ///< names that stay one token; in any order
  int64_t min_frequency = 2;           ///< pairs that are rarer are not merged
  int64_t max_alphabet = 1000;         ///< the most frequent characters; words with others become [UNK]

  template <class Visitor>
  void fields(Visitor& v) {
    v("size", vocabulary_size, "entries, special ones included", Range{100, 1 << 20});
    v("sentinels", sentinels, "number of sentinels ([S_0], [S_1], ...) for span masking", Range{3, 1000});
    v("coordinates", coordinates, "number of coordinate bins for each of v0 to v3", Range{0, 1000});
    v("min_frequency", min_frequency, "pairs that are rarer than this are not merged", at_least(0));
    v("max_alphabet", max_alphabet, "the most frequent characters that are kept; words with others become [UNK]",
      at_least(1));
  }
};

/// The ids are: [PAD] [UNK] [SOS] [EOS], sentinels, coordinates, class names in alphabetical order, then characters and
/// pieces. The result depends only on the options and on the texts, not on their order.
class WordPieceTrainer {
 public:
  explicit WordPieceTrainer(const WordPieceOptions& options);

  /// Counts the words of a text. Special tokens in it are ignored.
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
