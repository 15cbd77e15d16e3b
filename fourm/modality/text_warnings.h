// Warnings about texts that a model reads differently than their author intended.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/text/wordpiece.h"

namespace fourm {

/// A warning and its topic; callers report a topic once.
struct TextWarning {
  std::string topic;  ///< "cut", "letters" or "boxes"
  std::string message;
};

/// `ids`: the text without [EOS]. A text that is cut to max_tokens (which count [EOS]), and words of at least four
/// letters that are split into single letters because the vocabulary has no longer piece of them.
std::vector<TextWarning> warnings_of_ids(const std::vector<int64_t>& ids, const WordPiece& words,
                                         const std::string& modality, int64_t max_tokens);

/// Warnings for a text whose token ids are `ids` (without [EOS]): those of warnings_of_ids, and for a
/// detection modality (det, det@SIZE) text without boxes, and boxes whose corners are in the wrong order.
std::vector<TextWarning> warnings_of_text(const std::string& text, const std::vector<int64_t>& ids,
                                          const WordPiece& words, const std::string& modality, int64_t max_tokens);

/// The words of the text that the vocabulary cannot write ([UNK]), each once.
std::vector<std::string> unknown_words(const std::string& text, const WordPiece& words);

}  // namespace fourm
