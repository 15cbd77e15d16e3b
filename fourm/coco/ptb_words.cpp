#include "fourm/coco/ptb_words.h"

#include <algorithm>
#include <map>
#include <set>

#include "fourm/text/unicode.h"

namespace fourm {
namespace {

// Words whose full stop belongs to them, apart from those with inner ones (u.s., p.m., e.g., ph.d.).
const std::set<std::string, std::less<>> kAbbreviations{
    "mr",  "mrs",  "ms",   "dr",   "st",  "jr",  "sr",  "prof", "gen",  "sgt",  "col", "capt",
    "lt",  "rev",  "gov",  "sen",  "rep", "co",  "inc", "ltd",  "corp", "bros", "etc", "vs",
    "ave", "blvd", "rd",   "dept", "mt",  "ft",  "jan", "feb",  "mar",  "apr",  "jun", "jul",
    "aug", "sep",  "sept", "oct",  "nov", "dec", "mon", "tue",  "tues", "wed",  "thu", "fri"};

// Words that the Penn Treebank splits in two.
const std::map<std::string, size_t, std::less<>> kJoined{{"cannot", 3}, {"gonna", 3}, {"gotta", 3},
                                                         {"wanna", 3},  {"lemme", 3}, {"gimme", 3}};

const std::map<std::string_view, std::string_view> kReplaced{
    {"\u2018", "'"},  {"\u2019", "'"},   {"\u201c", "\""}, {"\u201d", "\""}, {"\u2013", "--"},
    {"\u2014", "--"}, {"\u2026", "..."}, {"\u00a0", " "},  {"\u20ac", "$"},  {"\u00a2", "cents"}};

std::string with_plain_punctuation(std::string text) {
  for (const auto& [from, to] : kReplaced)
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  return text;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Every byte of a character beyond ASCII counts as a letter.
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c & 0x80); }
bool is_word(char c) { return is_letter(c) || is_digit(c); }

// One run of characters between spaces, in lower case.
class Chunk {
 public:
  Chunk(std::string_view text, std::vector<std::string>& words) : text_(text), words_(words) {}

  void read() {
    while (at_ < text_.size()) {
      if (is_word(text_[at_]) || starts_decade() || starts_name())
        read_word();
      else
        read_sign();
    }
  }

 private:
  char peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts_decade() const { return text_[at_] == '\'' && is_digit(peek(1)) && is_digit(peek(2)); }  // '90s

  bool starts_name() const { return text_[at_] == '@' && is_letter(peek(1)); }  // @home

  // The length of a clitic that begins here ("n't", "'s"); 0 for none.
  size_t clitic(size_t at) const {
    for (const std::string_view ending : {"n't", "'s", "'re", "'ve", "'ll", "'d", "'m"})
      if (text_.substr(at).starts_with(ending) &&
          (at + ending.size() == text_.size() || !is_word(text_[at + ending.size()])))
        return ending.size();
    return 0;
  }

  bool joins(size_t at) const {
    if (at == 0 || at + 1 >= text_.size() || !is_word(text_[at - 1]) || !is_word(text_[at + 1])) return false;
    const bool digits = is_digit(text_[at - 1]) && is_digit(text_[at + 1]);
    switch (text_[at]) {
      case '-':
      case '/':
      case '.':
      case '@':
      case '&': return true;
      case '\'': return is_letter(text_[at - 1]) && is_letter(text_[at + 1]);
      case ',':
      case ':': return digits;
      default: return false;
    }
  }

  void read_word() {
    size_t end = at_ + 1;
    while (end < text_.size() && clitic(end) == 0 && (is_word(text_[end]) || joins(end))) ++end;
    std::string_view word = text_.substr(at_, end - at_);
    if (end < text_.size() && text_[end] == '.' && keeps_stop(word)) word = text_.substr(at_, ++end - at_);
    add_word(word);
    at_ = end;
    while (const size_t length = at_ < text_.size() ? clitic(at_) : 0) {
      words_.emplace_back(text_.substr(at_, length));
      at_ += length;
    }
  }

  static bool keeps_stop(std::string_view word) {
    if (kAbbreviations.contains(word)) return true;
    // Single letters between stops, the last one too.
    const size_t stop = word.rfind('.');
    return stop != std::string_view::npos && word.size() == stop + 2 && is_letter(word.back()) && stop <= 4;
  }

  void add_word(std::string_view word) {
    if (const auto joined = kJoined.find(word); joined != kJoined.end()) {
      words_.emplace_back(word.substr(0, joined->second));
      words_.emplace_back(word.substr(joined->second));
    } else {
      words_.emplace_back(word);
    }
  }

  void read_sign() {
    static const std::map<char, std::string> kBrackets{{'(', "-lrb-"}, {')', "-rrb-"}, {'[', "-lsb-"},
                                                       {']', "-rsb-"}, {'{', "-lcb-"}, {'}', "-rcb-"}};
    const char c = text_[at_];
    if (const auto bracket = kBrackets.find(c); bracket != kBrackets.end()) {
      words_.push_back(bracket->second);
      ++at_;
    } else if (c == '?' || c == '!') {
      const size_t end = std::min(text_.find_first_not_of("?!", at_), text_.size());
      if (end - at_ > 1) words_.emplace_back(text_.substr(at_, end - at_));  // one alone is on the list
      at_ = end;
    } else {
      if (std::string_view("'\"`.,:;-").find(c) == std::string_view::npos) words_.emplace_back(1, c);
      ++at_;
    }
  }

  std::string_view text_;
  std::vector<std::string>& words_;
  size_t at_ = 0;
};

}  // namespace

std::vector<std::string> ptb_words(std::string_view caption) {
  static const BertNormalizer kLowerCase{
      .clean_text = false, .handle_chinese_chars = false, .strip_accents = false, .lowercase = true};
  const std::string text = kLowerCase(with_plain_punctuation(to_valid_utf8(caption)));
  std::vector<std::string> words;
  for (size_t at = 0; (at = text.find_first_not_of(" \t\r\n", at)) != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    Chunk(std::string_view(text).substr(at, end - at), words).read();
    at = end;
  }
  return words;
}

}  // namespace fourm
