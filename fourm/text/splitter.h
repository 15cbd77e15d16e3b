// From text to added tokens and words: what happens before WordPiece (as the added tokens,
// BertNormalizer and BertPreTokenizer of Hugging Face `tokenizers`).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "fourm/text/trie.h"
#include "fourm/text/unicode.h"

namespace fourm {

/// A token that is found whole in the text before the rest is cut into words.
struct AddedToken {
  int64_t id = 0;
  std::string content;
  bool single_word = false;  ///< only between characters that are not word characters
  bool normalized = false;   ///< searched in the normalised text, not in the raw one
  bool special = false;
  bool lstrip = false;  ///< takes the white space before it too
  bool rstrip = false;  ///< takes the white space behind it too
};

/// Leftmost-longest search. A find that fails the single-word rule is skipped whole.
class TokenFinder {
 public:
  void add(std::string_view content, const AddedToken& token);

  /// Calls `on_token(id)` and `on_gap(text between)` from left to right. `text` must be valid UTF-8.
  void split(std::string_view text, const std::function<void(int64_t)>& on_token,
             const std::function<void(std::string_view)>& on_gap) const;

 private:
  Trie trie_;
  std::vector<AddedToken> tokens_;
};

class Splitter {
 public:
  Splitter() = default;
  Splitter(const BertNormalizer& normalizer, const std::vector<AddedToken>& added);

  /// Calls `on_token(id)` for each added token and `on_word(normalised word)` for each word or punctuation character,
  /// from left to right. Bytes that are not UTF-8 are read as U+FFFD.
  void split(std::string_view text, const std::function<void(int64_t)>& on_token,
             const std::function<void(std::string_view)>& on_word) const;

 private:
  BertNormalizer normalizer_;
  TokenFinder raw_, normalized_;
};

}  // namespace fourm
