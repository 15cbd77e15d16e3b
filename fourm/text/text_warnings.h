// What a person should know about a text before a model reads it as something else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/text/wordpiece.h"

namespace fourm {

/// A warning, and what it is about: the same topic need not be told twice.
struct TextWarning {
  std::string topic;  ///< "cut", "letters", "file" or "boxes"
  std::string message;
};

/// `ids`: the text without [EOS]. A text that is cut to max_tokens (which count [EOS]), and words of at least four
/// letters that fall to single letters, since no longer piece of them is in the vocabulary.
std::vector<TextWarning> warnings_of_ids(const std::vector<int64_t>& ids, const WordPiece& words,
                                         const std::string& modality, int64_t max_tokens);

/// The same for a text that a person gives to a sequence; also a text that is the name of an existing image file, and
/// text without boxes for a modality whose name begins with det.
std::vector<TextWarning> warnings_of_text(const std::string& text, const WordPiece& words, const std::string& modality,
                                          int64_t max_tokens);

}  // namespace fourm
