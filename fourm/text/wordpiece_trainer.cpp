#include "fourm/text/wordpiece_trainer.h"

#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr std::string_view kPrefix = "##";
constexpr int64_t kLongestWord = 100;  // in characters; longer ones are [UNK] when encoded

std::vector<std::string> characters(std::string_view word) {
  std::vector<std::string> out;
  for (size_t i = 0; i < word.size();) {
    const size_t begin = i;
    next_code_point(word, i);
    out.emplace_back(word.substr(begin, i - begin));
  }
  return out;
}

class Vocabulary {
 public:
  int32_t add(const std::string& token) {
    const auto [found, fresh] = ids_.emplace(token, static_cast<int32_t>(tokens_.size()));
    if (fresh) tokens_.push_back(token);
    return found->second;
  }
  const std::vector<std::string>& tokens() const { return tokens_; }
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int32_t> ids_;
};

struct Word {
  std::vector<int32_t> pieces;
  int64_t count;
};

/// Two neighbouring pieces, in the high and the low half.
using Pair = uint64_t;
Pair make_pair(int32_t a, int32_t b) { return static_cast<uint64_t>(a) << 32 | static_cast<uint32_t>(b); }

/// The merging loop. A queue entry may be out of date, but never below its pair's true count.
class Merger {
 public:
  explicit Merger(std::vector<Word> words) : words_(std::move(words)) {
    std::set<Pair> pairs;
    for (size_t w = 0; w < words_.size(); ++w) count_pairs(w, +1, kAny, pairs);
    for (const Pair pair : pairs) queue_.push({counts_[pair], ~pair});
  }

  void run(Vocabulary& vocabulary, int64_t size, int64_t min_frequency) {
    while (vocabulary.size() < size && !queue_.empty()) {
      const auto [count, inverse] = queue_.top();
      queue_.pop();
      const Pair pair = ~inverse;
      const int64_t now = counts_[pair];
      if (now < std::max<int64_t>(min_frequency, 1)) continue;
      if (now != count) {
        queue_.push({now, inverse});
        continue;
      }
      const auto a = static_cast<int32_t>(pair >> 32), b = static_cast<int32_t>(pair & 0xffffffff);
      const std::string& tail = vocabulary.tokens()[b];
      const size_t skip = tail.starts_with(kPrefix) ? kPrefix.size() : 0;
      merge(a, b, vocabulary.add(vocabulary.tokens()[a] + tail.substr(skip)));
    }
  }

 private:
  static constexpr int32_t kAny = -1;

  /// Adds the word's pairs to the counts, and those with the piece `fresh` to the places and to `touched`.
  void count_pairs(size_t w, int64_t sign, int32_t fresh, std::set<Pair>& touched) {
    const auto& [pieces, count] = words_[w];
    for (size_t i = 1; i < pieces.size(); ++i) {
      const Pair pair = make_pair(pieces[i - 1], pieces[i]);
      counts_[pair] += sign * count;
      if (sign < 0 || (fresh != kAny && pieces[i - 1] != fresh && pieces[i] != fresh)) continue;
      touched.insert(pair);
      auto& places = words_with_[pair];
      if (places.empty() || places.back() != w) places.push_back(static_cast<uint32_t>(w));
    }
  }

  void merge(int32_t a, int32_t b, int32_t merged) {
    std::set<Pair> touched;
    const auto places = std::move(words_with_[make_pair(a, b)]);
    words_with_.erase(make_pair(a, b));
    for (const uint32_t w : places) {
      count_pairs(w, -1, merged, touched);
      auto& pieces = words_[w].pieces;
      size_t out = 0;
      for (size_t i = 0; i < pieces.size(); ++i, ++out) {
        const bool here = pieces[i] == a && i + 1 < pieces.size() && pieces[i + 1] == b;
        pieces[out] = here ? merged : pieces[i];
        i += here;
      }
      pieces.resize(out);
      count_pairs(w, +1, merged, touched);
    }
    for (const Pair pair : touched) queue_.push({counts_[pair], ~pair});  // only pairs with the new piece gained
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, int64_t> counts_;
  std::unordered_map<Pair, std::vector<uint32_t>> words_with_;  // may name words that have lost the pair
  std::priority_queue<std::pair<int64_t, Pair>> queue_;         // (count, ~pair): of equals, the smallest ids first
};

std::vector<AddedToken> special_tokens(const WordPieceOptions& options, const BertNormalizer& normalizer) {
  std::vector<AddedToken> tokens;
  const auto add = [&](const std::string& content, bool single_word, bool normalized) {
    tokens.push_back({static_cast<int64_t>(tokens.size()), content, single_word, normalized, true});
  };
  for (const char* name : {"[PAD]", "[UNK]", "[SOS]", "[EOS]"}) add(name, false, false);
  for (int64_t i = 0; i < options.sentinels; ++i) add(concat("[S_", i, "]"), true, false);
  for (int k = 0; k < 4; ++k)
    for (int64_t i = 0; i < options.coordinates; ++i) add(concat("v", k, "=", i), true, false);
  std::set<std::string> names;
  for (const auto& name : options.classes) {
    const std::string normalized = trim(normalizer(to_valid_utf8(name)));
    check(!normalized.empty(), "the class name ", printable(name), " is empty once it is normalised");
    check(normalized[0] != '[' && normalized.find('=') == std::string::npos, "the class name ", printable(name),
          " looks like a special token; choose another");
    names.insert(normalized);
  }
  for (const auto& name : names) add(name, true, true);
  return tokens;
}

/// The most frequent characters, in order.
std::set<std::string> alphabet(const std::map<std::string, int64_t>& words, int64_t limit) {
  std::map<std::string, int64_t> counts;
  for (const auto& [word, count] : words)
    for (const auto& c : characters(word)) counts[c] += count;
  std::vector<std::pair<std::string, int64_t>> ranked(counts.begin(), counts.end());
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& x, const auto& y) { return x.second > y.second; });
  if (static_cast<int64_t>(ranked.size()) > limit) ranked.resize(limit);
  std::set<std::string> out;
  for (const auto& [c, count] : ranked) out.insert(c);
  return out;
}

Json to_json(const Vocabulary& vocabulary, const std::vector<AddedToken>& special, const BertNormalizer& normalizer) {
  Json added = Json::array();
  for (const auto& token : special) {
    added.push_back({{"id", token.id},
                     {"content", token.content},
                     {"single_word", token.single_word},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", token.normalized},
                     {"special", token.special}});
  }
  Json::object_t entries;
  // Straight to the end: the usual ways would look for each key first.
  for (const auto& token : vocabulary.tokens()) entries.push_back({token, static_cast<int64_t>(entries.size())});
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", normalizer.clean_text},
            {"handle_chinese_chars", normalizer.handle_chinese_chars},
            {"strip_accents", normalizer.strip_accents},
            {"lowercase", normalizer.lowercase}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "WordPiece"}, {"prefix", kPrefix}, {"cleanup", true}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", kPrefix},
            {"max_input_chars_per_word", kLongestWord},
            {"vocab", std::move(entries)}}}};
}

}  // namespace

WordPieceTrainer::WordPieceTrainer(const WordPieceOptions& options) : options_(options) {
  check(options.sentinels >= 3, "a vocabulary needs at least 3 sentinels, not ", options.sentinels);
  check(options.coordinates >= 0 && options.coordinates <= 1000000, "a vocabulary cannot have ", options.coordinates,
        " coordinates");
  special_ = special_tokens(options, normalizer_);
  splitter_ = Splitter(normalizer_, special_);
}

void WordPieceTrainer::add(std::string_view text) {
  splitter_.split(
      text, [](int64_t) {}, [&](std::string_view word) { ++words_[std::string(word)]; });
}

std::string WordPieceTrainer::tokenizer_json() const {
  Vocabulary vocabulary;
  for (const auto& token : special_) vocabulary.add(token.content);
  const auto letters = alphabet(words_, options_.max_alphabet);
  for (const auto& letter : letters) vocabulary.add(letter);

  std::vector<Word> words;
  for (const auto& [text, count] : words_) {
    const auto parts = characters(text);
    const bool known = std::all_of(parts.begin(), parts.end(), [&](const auto& c) { return letters.contains(c); });
    if (!known || static_cast<int64_t>(parts.size()) > kLongestWord) continue;
    Word word{{}, count};
    for (const auto& c : parts)
      word.pieces.push_back(vocabulary.add(word.pieces.empty() ? c : std::string(kPrefix) + c));
    words.push_back(std::move(word));
  }
  check(vocabulary.size() <= options_.vocabulary_size, "a vocabulary of ", options_.vocabulary_size,
        " tokens has no room for ", special_.size(), " special tokens and ", vocabulary.size() - special_.size(),
        " single characters; make it larger");
  Merger(std::move(words)).run(vocabulary, options_.vocabulary_size, options_.min_frequency);
  return to_json(vocabulary, special_, normalizer_).dump();
}

}  // namespace fourm
