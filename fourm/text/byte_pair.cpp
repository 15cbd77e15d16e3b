#include "fourm/text/byte_pair.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <queue>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/text/unicode.h"

namespace fourm {
namespace {

constexpr const char *kStart = "<|startoftext|>", *kEnd = "<|endoftext|>", *kEndOfWord = "</w>";
constexpr int64_t kMostTokens = int64_t{1} << 24;

using Table = nlohmann::json;

// A byte as a printable character: itself, or one from U+0100 on for those that are white space, control characters or the
// soft hyphen.
std::vector<std::string> byte_characters() {
  std::vector<std::string> characters(256);
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte > ' ' && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    append_utf8(characters[static_cast<size_t>(byte)], printable ? static_cast<char32_t>(byte) : next++);
  }
  return characters;
}

std::unordered_map<std::string, int64_t> read_byte_pair_vocabulary(const Table& table, const std::string& origin) {
  check(table.is_object() && !table.empty() && static_cast<int64_t>(table.size()) < kMostTokens, origin,
        ": expected an object with an id for each token");
  std::unordered_map<std::string, int64_t> vocabulary;
  for (const auto& [token, id] : table.items()) {
    check(id.is_number_unsigned() && id.get<uint64_t>() < static_cast<uint64_t>(kMostTokens), origin,
          ": the id of the token ", printable(token, 30), " is not a whole number from 0 to ", kMostTokens - 1);
    vocabulary.emplace(token, id.get<int64_t>());
  }
  return vocabulary;
}

// "left right", as in merges.txt; newer files of tokenizer.json have lists of two.
std::vector<std::string> read_merges(const Table& list, const std::string& origin) {
  check(list.is_array(), origin, ": model.merges is not a list");
  std::vector<std::string> merges;
  for (const Table& merge : list) {
    const bool is_pair = merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    check(merge.is_string() || is_pair, origin, ": model.merges[", merges.size(), "] is not a pair of tokens");
    merges.push_back(is_pair ? merge[0].get<std::string>() + " " + merge[1].get<std::string>()
                             : merge.get<std::string>());
  }
  return merges;
}

AddedToken special_token(const char* content, const std::unordered_map<std::string, int64_t>& vocabulary,
                         const std::string& origin) {
  const auto found = vocabulary.find(content);
  check(found != vocabulary.end(), origin, ": the token ", content, " is missing; expected the vocabulary of a CLIP");
  AddedToken token;
  token.id = found->second;
  token.content = content;
  token.normalized = token.special = true;
  return token;
}

bool is_letter(char32_t c) { return U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK; }
bool is_number(char32_t c) { return U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_N_MASK; }

// NFC in lower case. `text` must be valid UTF-8.
std::string lower_case_form(std::string_view text) {
  check(text.size() < (size_t{1} << 29), "a text of ", text.size(), " bytes is too long to normalise; split it");
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  check(U_SUCCESS(status), "the Unicode tables of ICU cannot be loaded: ", u_errorName(status));
  const icu::StringPiece bytes(text.data(), static_cast<int32_t>(text.size()));
  const auto composed = nfc->normalize(icu::UnicodeString::fromUTF8(bytes), status);
  check(U_SUCCESS(status), "text cannot be normalised: ", u_errorName(status));
  std::string utf8;
  composed.toUTF8String(utf8);
  return BertNormalizer{.clean_text = false, .handle_chinese_chars = false, .strip_accents = false}(utf8);
}

// The length of one of 's 't 're 've 'm 'll 'd at the beginning of the text; 0: none.
size_t contraction(std::string_view text) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(ending)) return ending.size();
  return 0;
}

// The length of the first run of characters for which `belongs` holds.
template <class Belongs>
size_t run_of(std::string_view text, const Belongs& belongs) {
  size_t end = 0;
  for (size_t next = 0; next < text.size(); end = next)
    if (!belongs(next_code_point(text, next))) break;
  return end;
}

// 's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
template <class OnWord>
void split_clip_words(std::string_view text, const OnWord& on_word) {
  const auto is_other = [](char32_t c) { return !is_white_space(c) && !is_letter(c) && !is_number(c); };
  while (!text.empty()) {
    size_t here = 0;
    const char32_t c = next_code_point(text, here);
    size_t length = here;
    if (const size_t ending = contraction(text))
      length = ending;
    else if (is_letter(c))
      length = run_of(text, is_letter);
    else if (is_other(c))
      length = run_of(text, is_other);
    if (!is_white_space(c)) on_word(text.substr(0, length));
    text.remove_prefix(length);
  }
}

uint64_t pair_key(int64_t left, int64_t right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint64_t>(right);
}

}  // namespace

BytePair BytePair::open(const fs::path& folder) {
  const fs::path vocabulary_file = folder / "vocab.json", merges_file = folder / "merges.txt";
  if (!fs::exists(vocabulary_file) && fs::exists(folder / "tokenizer.json"))
    return from_tokenizer_json(folder / "tokenizer.json");
  check(fs::exists(vocabulary_file) && fs::exists(merges_file), folder.string(),
        ": has no text tokenizer of a CLIP: expected vocab.json and merges.txt, or tokenizer.json");
  const std::string origin = vocabulary_file.string();
  const auto vocabulary = read_byte_pair_vocabulary(parse_table(read_file(vocabulary_file), origin), origin);
  std::vector<std::string> merges;
  for (const auto& line : split(read_file(merges_file), '\n'))
    if (const std::string merge = trim(line); !merge.empty() && !merge.starts_with("#version")) merges.push_back(merge);
  return BytePair(vocabulary, merges,
                  {special_token(kStart, vocabulary, origin), special_token(kEnd, vocabulary, origin)},
                  merges_file.string());
}

BytePair BytePair::from_tokenizer_json(const fs::path& file) {
  const std::string origin = file.string();
  const Table json = parse_table(read_file(file), origin);
  const Table& model = json.is_object() && json.contains("model") ? json["model"] : json;
  check(json_get<std::string>(model, "type", origin) == "BPE" &&
            json_get<std::string>(model, "end_of_word_suffix", origin) == kEndOfWord,
        origin, ": is not the tokenizer of a CLIP: expected a BPE model whose end_of_word_suffix is ", kEndOfWord);
  const auto vocabulary = read_byte_pair_vocabulary(json_get<Table>(model, "vocab", origin), origin);
  std::vector<AddedToken> added;
  const Table list = json.value("added_tokens", Table::array());
  check(list.is_array(), origin, ": added_tokens is not a list");
  for (const Table& entry : list) {
    const std::string where = concat(origin, ", added_tokens[", added.size(), "]");
    AddedToken token;
    token.id = json_get<int64_t>(entry, "id", where);
    check(token.id >= 0 && token.id < kMostTokens, where, ": the id ", token.id, " is out of range");
    token.content = json_get<std::string>(entry, "content", where);
    token.single_word = json_get<bool>(entry, "single_word", where);
    token.normalized = json_get<bool>(entry, "normalized", where);
    token.lstrip = json_get<bool>(entry, "lstrip", where);
    token.rstrip = json_get<bool>(entry, "rstrip", where);
    added.push_back(std::move(token));
  }
  return BytePair(vocabulary, read_merges(json_get<Table>(model, "merges", origin), origin), added, origin);
}

BytePair::BytePair(const Vocabulary& vocabulary, const std::vector<std::string>& merges,
                   const std::vector<AddedToken>& added, const std::string& origin) {
  start_ = special_token(kStart, vocabulary, origin).id;
  end_ = special_token(kEnd, vocabulary, origin).id;
  for (const auto& [token, id] : vocabulary) size_ = std::max(size_, id + 1);
  const auto id_of = [&](const std::string& token) {
    const auto found = vocabulary.find(token);
    check(found != vocabulary.end(), origin, ": the token ", printable(token, 30), " is not in the vocabulary");
    return found->second;
  };
  for (const std::string& character : byte_characters()) {
    inner_.push_back(id_of(character));
    last_.push_back(id_of(character + kEndOfWord));
  }
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto parts = split(merges[rank], ' ');
    check(parts.size() == 2, origin, ": merge ", rank + 1, " is ", printable(merges[rank], 30),
          ", expected two tokens with a space between them");
    merges_.try_emplace(pair_key(id_of(parts[0]), id_of(parts[1])),
                        Merge{static_cast<int64_t>(rank), id_of(parts[0] + parts[1])});
  }
  for (const auto& token : added) {
    size_ = std::max(size_, token.id + 1);
    (token.normalized ? normalized_ : raw_)
        .add(token.normalized ? lower_case_form(token.content) : token.content, token);
  }
}

const BytePair::Merge* BytePair::find_merge(int64_t left, int64_t right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

// Merges neighbours by rank, and of equal ranks from the left. Symbols that are merged into their left neighbour have no
// id any more; the others are linked.
void BytePair::append_word(std::string_view word, std::vector<int64_t>& ids) const {
  struct Symbol {
    int64_t id;
    int64_t before, behind;  // -1: none
  };
  struct Candidate {
    int64_t rank, left, left_id, right_id;
    bool operator<(const Candidate& o) const { return std::pair(rank, left) > std::pair(o.rank, o.left); }
  };
  const auto n = static_cast<int64_t>(word.size());
  std::vector<Symbol> symbols;
  for (int64_t i = 0; i < n; ++i)
    symbols.push_back({(i + 1 == n ? last_ : inner_)[static_cast<uint8_t>(word[i])], i - 1, i + 1 < n ? i + 1 : -1});
  std::priority_queue<Candidate> queue;
  const auto consider = [&](int64_t left) {
    if (left < 0 || symbols[left].behind < 0) return;
    const int64_t a = symbols[left].id, b = symbols[symbols[left].behind].id;
    if (const Merge* merge = find_merge(a, b)) queue.push({merge->rank, left, a, b});
  };
  for (int64_t i = 0; i + 1 < n; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.left];
    if (left.id != best.left_id || left.behind < 0 || symbols[left.behind].id != best.right_id) continue;  // outdated
    Symbol& right = symbols[left.behind];
    left.id = find_merge(best.left_id, best.right_id)->id;
    left.behind = right.behind;
    right.id = -1;
    if (left.behind >= 0) symbols[left.behind].before = best.left;
    consider(left.before);
    consider(best.left);
  }
  for (const Symbol& symbol : symbols)
    if (symbol.id >= 0) ids.push_back(symbol.id);
}

std::vector<int64_t> BytePair::encode(std::string_view text, int64_t longest) const {
  check(longest >= 2, "[BytePair] a text of ", longest, " ids");
  std::vector<int64_t> ids{start_};
  const auto on_token = [&](int64_t id) { ids.push_back(id); };
  raw_.split(to_valid_utf8(text), on_token, [&](std::string_view raw) {
    normalized_.split(lower_case_form(raw), on_token, [&](std::string_view gap) {
      split_clip_words(gap, [&](std::string_view word) { append_word(word, ids); });
    });
  });
  ids.resize(std::min<size_t>(ids.size(), static_cast<size_t>(longest) - 1));
  ids.push_back(end_);
  return ids;
}

}  // namespace fourm
