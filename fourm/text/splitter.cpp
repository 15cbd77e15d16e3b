#include "fourm/text/splitter.h"

namespace fourm {

void TokenFinder::add(std::string_view content, const AddedToken& token) {
  if (content.empty()) return;
  trie_.add(content, static_cast<int32_t>(tokens_.size()));
  tokens_.push_back(token);
}

static bool stands_alone(std::string_view text, size_t begin, size_t end) {
  return (begin == 0 || !is_word_character(previous_code_point(text, begin))) &&
         (end == text.size() || !is_word_character(next_code_point(text, end)));
}

// The start of the white space that ends at `end`, and the end of that which begins at `begin`.
static size_t space_before(std::string_view text, size_t end) {
  for (size_t next = end; next > 0; end = next)
    if (!is_white_space(previous_code_point(text, next))) break;
  return end;
}
static size_t space_behind(std::string_view text, size_t begin) {
  for (size_t next = begin; next < text.size(); begin = next)
    if (!is_white_space(next_code_point(text, next))) break;
  return begin;
}

void TokenFinder::split(std::string_view text, const std::function<void(int64_t)>& on_token,
                        const std::function<void(std::string_view)>& on_gap) const {
  size_t gap = 0;
  for (size_t i = 0; i < text.size();) {
    const auto [length, found] = trie_.longest(text.substr(i));
    if (found == Trie::kNone) {
      ++i;
      continue;
    }
    const AddedToken& token = tokens_[found];
    if (!token.single_word || stands_alone(text, i, i + length)) {
      const size_t begin = token.lstrip ? space_before(text, i) : i;
      if (begin > gap) on_gap(text.substr(gap, begin - gap));
      on_token(token.id);
      gap = token.rstrip ? space_behind(text, i + length) : i + length;
    }
    i += length;
  }
  if (gap < text.size()) on_gap(text.substr(gap));
}

Splitter::Splitter(const BertNormalizer& normalizer, const std::vector<AddedToken>& added) : normalizer_(normalizer) {
  for (const auto& token : added) {
    if (token.normalized)
      normalized_.add(normalizer(token.content), token);
    else
      raw_.add(token.content, token);
  }
}

/// BERT's pre-tokeniser: words at white space, each punctuation character alone.
static void split_words(std::string_view text, const std::function<void(std::string_view)>& on_word) {
  size_t begin = 0;
  const auto flush = [&](size_t end) {
    if (end > begin) on_word(text.substr(begin, end - begin));
  };
  for (size_t i = 0; i < text.size();) {
    const size_t here = i;
    const char32_t c = next_code_point(text, i);
    const bool space = is_white_space(c);
    if (!space && !is_punctuation(c)) continue;
    flush(here);
    if (!space) on_word(text.substr(here, i - here));
    begin = i;
  }
  flush(text.size());
}

void Splitter::split(std::string_view text, const std::function<void(int64_t)>& on_token,
                     const std::function<void(std::string_view)>& on_word) const {
  raw_.split(to_valid_utf8(text), on_token, [&](std::string_view raw) {
    normalized_.split(normalizer_(raw), on_token, [&](std::string_view gap) { split_words(gap, on_word); });
  });
}

}  // namespace fourm
