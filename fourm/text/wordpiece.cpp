#include "fourm/text/wordpiece.h"

#include <array>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

/// Json keeps the order of keys and looks each one up in turn; a vocabulary needs the sorted kind.
using Table = nlohmann::json;

const Table& member(const Table& object, const char* key, const std::string& origin) {
  const auto found = object.find(key);
  check(found != object.end(), origin, ": the key '", key, "' is missing; expected a Hugging Face tokenizer.json");
  return *found;
}

const Table& part(const Table& root, const char* key, const char* type, const std::string& origin) {
  const Table& object = member(root, key, origin);
  check(object.is_object(), origin, ": '", key, "' must be an object of type ", type, ", found ", object.type_name());
  const Table& found = member(object, "type", origin + ", " + key);
  check(found == type, origin, ": '", key, "' has the type ", printable(found.dump()), "; only ", type,
        " is supported");
  return object;
}

bool flag(const Table& object, const char* key, const std::string& origin) {
  const Table& value = member(object, key, origin);
  check(value.is_boolean(), origin, ": '", key, "' must be true or false, found ", value.type_name());
  return value.get<bool>();
}

const std::string& text(const Table& object, const char* key, const std::string& origin) {
  const Table& value = member(object, key, origin);
  check(value.is_string(), origin, ": '", key, "' must be text, found ", value.type_name());
  return value.get_ref<const std::string&>();
}

/// An integer in [0, end).
int64_t index(const Table& value, int64_t end, const std::string& origin, const std::string& what) {
  const bool fits = value.is_number_unsigned() && value.get<uint64_t>() < static_cast<uint64_t>(end);
  check(fits, origin, ": ", what, " must be an integer from 0 to ", end - 1, ", found ", printable(value.dump(), 30));
  return static_cast<int64_t>(value.get<uint64_t>());
}

BertNormalizer read_normalizer(const Table& object, const std::string& origin) {
  BertNormalizer normalizer;
  normalizer.clean_text = flag(object, "clean_text", origin);
  normalizer.handle_chinese_chars = flag(object, "handle_chinese_chars", origin);
  normalizer.lowercase = flag(object, "lowercase", origin);
  const Table& strip = member(object, "strip_accents", origin);
  normalizer.strip_accents = strip.is_null() ? normalizer.lowercase : flag(object, "strip_accents", origin);
  return normalizer;
}

std::vector<std::string> read_vocabulary(const Table& vocabulary, const std::string& origin) {
  check(vocabulary.is_object() && !vocabulary.empty(), origin, ": 'vocab' must be an object with an id for each token");
  const auto size = static_cast<int64_t>(vocabulary.size());
  check(size < (int64_t{1} << 24), origin, ": the vocabulary has ", size, " tokens; at most 16 million are supported");
  std::vector<std::string> tokens(vocabulary.size());
  std::vector<bool> taken(vocabulary.size());
  for (const auto& [token, value] : vocabulary.items()) {
    const int64_t id = index(value, size, origin, "the id of the token " + printable(token, 30));
    check(!taken[id], origin, ": the tokens ", printable(tokens[id], 30), " and ", printable(token, 30),
          " both have the id ", id);
    taken[id] = true;
    tokens[id] = token;
  }
  return tokens;
}

// Tokens that are no entries of the vocabulary are appended to `tokens`, as Hugging Face numbers them.
std::vector<AddedToken> read_added(const Table& list, std::vector<std::string>& tokens, const std::string& origin) {
  check(list.is_array(), origin, ": 'added_tokens' must be a list, found ", list.type_name());
  std::unordered_map<std::string, int64_t> ids;
  for (size_t id = 0; id < tokens.size(); ++id) ids.emplace(tokens[id], static_cast<int64_t>(id));
  std::vector<AddedToken> added;
  for (const Table& entry : list) {
    const std::string where = origin + ", added_tokens[" + std::to_string(added.size()) + "]";
    check(entry.is_object(), where, ": must be an object, found ", entry.type_name());
    AddedToken token;
    token.content = text(entry, "content", where);
    token.id = index(member(entry, "id", where), int64_t{1} << 24, where, "'id'");
    const auto [known, is_new] = ids.try_emplace(token.content, static_cast<int64_t>(tokens.size()));
    check(token.id == known->second, where, ": the token ", printable(token.content, 30), " has the id ", token.id,
          is_new ? ", but as the next that is not in the model's vocabulary it should have "
                 : ", but in the model's vocabulary it has ",
          known->second);
    if (is_new) tokens.push_back(token.content);
    token.single_word = flag(entry, "single_word", where);
    token.normalized = flag(entry, "normalized", where);
    token.special = flag(entry, "special", where);
    token.lstrip = flag(entry, "lstrip", where);
    token.rstrip = flag(entry, "rstrip", where);
    added.push_back(std::move(token));
  }
  return added;
}

struct Truncation {
  int64_t max_length = 0;
  bool keep_end = false;
};

std::optional<Truncation> read_truncation(const Table& root, const std::string& origin) {
  const Table truncation = root.value("truncation", Table());
  if (truncation.is_null()) return std::nullopt;
  const std::string where = origin + ", truncation";
  check(truncation.is_object(), where, ": must be an object or null, found ", truncation.type_name());
  const int64_t max_length = index(member(truncation, "max_length", where), int64_t{1} << 31, where, "'max_length'");
  const std::string direction = text(truncation, "direction", where), strategy = text(truncation, "strategy", where);
  check(direction == "Right" || direction == "Left", where, ": 'direction' is ", printable(direction, 30),
        ", expected Right or Left");
  check(strategy == "LongestFirst" || strategy == "OnlyFirst", where, ": the strategy ", printable(strategy, 30),
        " is not supported for single texts");
  warn(origin, ": every text is cut to ", max_length,
       " tokens, as its 'truncation' says; set it to null to keep whole texts");
  return Truncation{max_length, direction == "Left"};
}

// Error when padding or the post-processor would add tokens to a single text.
void check_nothing_is_added(const Table& root, const std::string& origin) {
  const Table padding = root.value("padding", Table());
  const bool longest = padding.is_object() && padding.value("strategy", Table()) == "BatchLongest" &&
                       padding.value("pad_to_multiple_of", Table()).is_null();
  check(padding.is_null() || longest, origin,
        ": 'padding' to a length is not supported, as texts are padded where that is needed; set it to null");
  const Table processor = root.value("post_processor", Table());
  if (processor.is_null()) return;
  const std::string type = processor.is_object() && processor.contains("type") ? processor["type"].dump() : "";
  const Table single = processor.is_object() ? processor.value("single", Table()) : Table();
  check(type == "\"TemplateProcessing\"" && single.is_array() && single.size() == 1 && single[0].contains("Sequence"),
        origin, ": 'post_processor' (", printable(type, 40),
        ") adds tokens to every text and is not supported, as [EOS] is added where it is needed; set it to null");
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t i = text.find(from); i != std::string::npos; i = text.find(from, i + to.size()))
    text.replace(i, from.size(), to);
}

/// English spacing, as the reference does it: on each token, not on the joined text.
void clean_up(std::string& token) {
  static constexpr std::array<std::array<std::string_view, 2>, 11> kRules{{{" .", "."},
                                                                           {" ?", "?"},
                                                                           {" !", "!"},
                                                                           {" ,", ","},
                                                                           {" ' ", "'"},
                                                                           {" n't", "n't"},
                                                                           {" 'm", "'m"},
                                                                           {" do not", " don't"},
                                                                           {" 's", "'s"},
                                                                           {" 've", "'ve"},
                                                                           {" 're", "'re"}}};
  for (const auto& [from, to] : kRules) replace_all(token, from, to);
}

}  // namespace

WordPiece WordPiece::load(const fs::path& path) { return from_json(read_file(path, uint64_t{1} << 26), path.string()); }

WordPiece WordPiece::from_json(std::string_view json, const std::string& origin) {
  const Table root = parse_table(json, origin);
  check(root.is_object(), origin, ": expected a Hugging Face tokenizer.json, found ", root.type_name());
  check_nothing_is_added(root, origin);
  part(root, "pre_tokenizer", "BertPreTokenizer", origin);
  const Table& model = part(root, "model", "WordPiece", origin);
  const Table& decoder = part(root, "decoder", "WordPiece", origin);

  WordPiece out;
  out.origin_ = origin;
  out.tokens_ = read_vocabulary(member(model, "vocab", origin), origin);
  for (size_t id = 0; id < out.tokens_.size(); ++id) out.pieces_.add(out.tokens_[id], static_cast<int32_t>(id));
  out.prefix_ = text(model, "continuing_subword_prefix", origin);
  check(text(decoder, "prefix", origin) == out.prefix_, origin, ": model and decoder have different prefixes");
  out.continuation_ = out.pieces_.walk(out.prefix_);
  out.cleanup_ = flag(decoder, "cleanup", origin);
  out.max_word_characters_ =
      index(member(model, "max_input_chars_per_word", origin), int64_t{1} << 31, origin, "'max_input_chars_per_word'");

  const size_t entries = out.tokens_.size();
  const auto added = read_added(member(root, "added_tokens", origin), out.tokens_, origin);
  for (size_t id = entries; id < out.tokens_.size(); ++id)
    out.additions_.emplace(out.tokens_[id], static_cast<int64_t>(id));
  if (const auto truncation = read_truncation(root, origin)) {
    out.longest_ = static_cast<size_t>(truncation->max_length);
    out.keep_end_ = truncation->keep_end;
  }
  out.special_.resize(out.tokens_.size());
  for (const auto& token : added) out.special_[token.id] = token.special;
  out.splitter_ = Splitter(read_normalizer(part(root, "normalizer", "BertNormalizer", origin), origin), added);

  out.unk_ = out.id_of(text(model, "unk_token", origin));
  out.pad_ = out.id_of("[PAD]");
  out.sos_ = out.id_of("[SOS]");
  out.eos_ = out.id_of("[EOS]");
  out.sentinels_.first = out.id("[S_0]").value_or(0);
  while (const auto next = out.id(concat("[S_", out.sentinels_.count, "]"))) {
    check(*next == out.sentinels_.first + out.sentinels_.count, origin, ": the sentinels [S_0], [S_1], ... must have ",
          "consecutive ids; [S_", out.sentinels_.count, "] has ", *next);
    ++out.sentinels_.count;
  }
  return out;
}

/// Greedy longest pieces from the left; a word that does not come out whole is one unknown token.
void WordPiece::append_word(std::string_view word, std::vector<int64_t>& ids) const {
  size_t characters = 0;
  for (const char c : word) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  const size_t before = ids.size();
  int32_t node = Trie::kRoot;
  while (!word.empty()) {
    const auto piece = node == Trie::kNone ? Trie::Match{} : pieces_.longest(word, node);
    if (piece.value == Trie::kNone || characters > max_word_characters_) {
      ids.resize(before);
      ids.push_back(unk_);
      return;
    }
    ids.push_back(piece.value);
    word.remove_prefix(piece.length);
    node = continuation_;
  }
}

std::vector<int64_t> WordPiece::encode(std::string_view text) const {
  std::vector<int64_t> ids;
  splitter_.split(
      text, [&](int64_t id) { ids.push_back(id); }, [&](std::string_view word) { append_word(word, ids); });
  if (longest_ && ids.size() > *longest_)
    ids = keep_end_ ? std::vector<int64_t>(ids.end() - static_cast<std::ptrdiff_t>(*longest_), ids.end())
                    : std::vector<int64_t>(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(*longest_));
  return ids;
}

std::string WordPiece::decode(const std::vector<int64_t>& ids, bool skip_special) const {
  std::string out;
  bool first = true;
  for (const int64_t id : ids) {
    if (id < 0 || id >= size() || (skip_special && special_[id])) continue;
    std::string token = tokens_[id];
    if (!first) {
      if (token.starts_with(prefix_))
        token.erase(0, prefix_.size());
      else
        token.insert(0, 1, ' ');
    }
    if (cleanup_) clean_up(token);
    out += token;
    first = false;
  }
  return out;
}

std::vector<std::string> WordPiece::tokens(const std::vector<int64_t>& ids) const {
  std::vector<std::string> out;
  out.reserve(ids.size());
  for (const int64_t id : ids) {
    check(id >= 0 && id < size(), origin_, ": the id ", id, " is outside the vocabulary of ", size(), " tokens");
    out.push_back(tokens_[id]);
  }
  return out;
}

std::optional<int64_t> WordPiece::id(std::string_view token) const {
  if (const int32_t found = pieces_.find(token); found != Trie::kNone) return found;
  const auto added = additions_.find(std::string(token));
  return added == additions_.end() ? std::nullopt : std::optional(added->second);
}

int64_t WordPiece::id_of(std::string_view token) const {
  const auto found = id(token);
  check(found.has_value(), origin_, ": the token ", printable(token, 40), " is not in the vocabulary");
  return *found;
}

int64_t WordPiece::sentinel(int64_t k) const {
  check(k >= 0 && k < sentinels_.count, origin_, ": there is no sentinel [S_", k, "]; the vocabulary has ",
        sentinels_.count);
  return sentinels_.first + k;
}

}  // namespace fourm
