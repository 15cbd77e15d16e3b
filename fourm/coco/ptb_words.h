// Words of a caption in the manner of the Penn Treebank, for measures of captions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fourm {

/// Lower-case words without punctuation, as Stanford's PTBTokenizer followed by pycocoevalcap's list of punctuation gives them:
/// "A man's hat isn't red (or blue)." is a man 's hat is n't red -lrb- or blue -rrb-. Numbers (3,000.50, 3:30), words with
/// inner - / . @ & ' and usual abbreviations (u.s., mr., etc.) stay whole. docs/evaluation.md says where it differs.
std::vector<std::string> ptb_words(std::string_view caption);

}  // namespace fourm
