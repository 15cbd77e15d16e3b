#include "fourm/modality/text_warnings.h"

#include <algorithm>
#include <sstream>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/modality/modality_name.h"
#include "fourm/text/boxes.h"
#include "fourm/text/vocabulary.h"

namespace fourm {
namespace {

constexpr size_t kFewLetters = 4;  // shorter words may well be abbreviations

// One character of UTF-8.
bool is_one_character(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }) == 1;
}

// The first word that is written letter by letter; "" when there is none.
std::string spelled_word(const std::vector<int64_t>& ids, const WordPiece& words) {
  std::string word;
  size_t letters = 0;
  bool spelled = false;
  const auto is_found = [&] { return spelled && letters >= kFewLetters; };
  for (const std::string& token : words.tokens(ids)) {
    const bool goes_on = token.starts_with("##") && token.size() > 2;
    if (!goes_on && is_found()) break;
    const std::string_view piece = std::string_view(token).substr(goes_on ? 2 : 0);
    if (!goes_on) {
      word.clear();
      letters = 0;
      spelled = true;
    }
    word += piece;
    ++letters;
    spelled = spelled && is_one_character(piece);
  }
  return is_found() ? word : "";
}

bool is_reversed(const LabelledBox& box) { return box.xmin > box.xmax || box.ymin > box.ymax; }

}  // namespace

std::vector<TextWarning> warnings_of_ids(const std::vector<int64_t>& ids, const WordPiece& words,
                                         const std::string& modality, int64_t max_tokens) {
  std::vector<TextWarning> warnings;
  const auto length = static_cast<int64_t>(ids.size());
  if (length + 1 > max_tokens) {
    const int64_t kept = std::min(length, max_tokens);
    const std::string end = words.decode({ids.begin() + std::max<int64_t>(0, kept - 8), ids.begin() + kept}, false);
    warnings.push_back({"cut", concat("has ", length + 1, " tokens, ", modality, " keeps the first ", max_tokens,
                                      ", which end in ", printable(end), "; raise max_tokens or shorten it")});
  }
  if (const std::string word = spelled_word(ids, words); !word.empty())
    warnings.push_back({"letters", concat("the text tokenizer encodes ", printable(word),
                                          " only letter by letter; a vocabulary trained on such texts (`fourm vocab "
                                          "train`) keeps words whole")});
  return warnings;
}

std::vector<TextWarning> warnings_of_text(const std::string& text, const std::vector<int64_t>& ids,
                                          const WordPiece& words, const std::string& modality, int64_t max_tokens) {
  std::vector<TextWarning> warnings = warnings_of_ids(ids, words, modality, max_tokens);
  if (name_without_size(modality) != "det" || trim(text).empty()) return warnings;
  const int64_t bins = coordinate_bins(words);
  const std::vector<LabelledBox> boxes = bins < 2 ? std::vector<LabelledBox>() : boxes_from_string(text, bins);
  if (boxes.empty())
    warnings.push_back(
        {"boxes", concat(printable(text), " holds no box; write v0=XMIN v1=YMIN v2=XMAX v3=YMAX CLASS")});
  if (const auto box = std::find_if(boxes.begin(), boxes.end(), is_reversed); box != boxes.end())
    warnings.push_back({"boxes", concat("the box of ", printable(box->class_name),
                                        " has its corners in the wrong order; write v0=XMIN v1=YMIN v2=XMAX v3=YMAX")});
  return warnings;
}

std::vector<std::string> unknown_words(const std::string& text, const WordPiece& words) {
  std::vector<std::string> unknown;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    const std::vector<int64_t> ids = words.encode(word);
    if (std::find(ids.begin(), ids.end(), words.unk()) != ids.end() && !contains(unknown, word))
      unknown.push_back(word);
  }
  return unknown;
}

}  // namespace fourm
