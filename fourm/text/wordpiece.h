// The text tokenizer: one WordPiece vocabulary for captions, boxes, metadata and every other token string
// (paper section 2.1 and appendix B.2), read as Hugging Face `tokenizers` reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fourm/core/file.h"
#include "fourm/text/sentinel.h"
#include "fourm/text/splitter.h"
#include "fourm/text/trie.h"

namespace fourm {

/// Immutable once loaded; every method may be called from several threads at once.
class WordPiece {
 public:
  /// Reads a Hugging Face `tokenizer.json`: a WordPiece model, BertNormalizer, BertPreTokenizer, WordPiece decoder; ids
  /// 0..n-1 without holes, added tokens that are no entries of the vocabulary behind them; [PAD], [SOS], [EOS] and the
  /// unknown token present; truncation, with a warning. Error on anything else, also on padding and post-processors
  /// that change what is encoded.
  static WordPiece load(const fs::path& path);

  /// The same from the file's text; `origin` names it in errors.
  static WordPiece from_json(std::string_view json, const std::string& origin);

  /// Nothing is added: no [SOS], no [EOS]. Bytes that are not UTF-8 are dropped. Cut as the file's truncation says.
  std::vector<int64_t> encode(std::string_view text) const;

  /// Ids outside the vocabulary are ignored. `skip_special` also drops coordinates and class names.
  std::string decode(const std::vector<int64_t>& ids, bool skip_special) const;

  /// The entries as they stand in the vocabulary ("##ing"); Error on an id outside it.
  std::vector<std::string> tokens(const std::vector<int64_t>& ids) const;

  std::optional<int64_t> id(std::string_view token) const;
  int64_t id_of(std::string_view token) const;  ///< Error when it is not in the vocabulary

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  int64_t pad() const { return pad_; }
  int64_t unk() const { return unk_; }
  int64_t sos() const { return sos_; }
  int64_t eos() const { return eos_; }

  SentinelRange sentinels() const { return sentinels_; }
  int64_t sentinel(int64_t k) const;  ///< the id of [S_k]
  bool is_sentinel(int64_t id) const { return sentinels_.contains(id); }
  bool is_special(int64_t id) const { return id >= 0 && id < size() && special_[id]; }

 private:
  WordPiece() = default;
  void append_word(std::string_view word, std::vector<int64_t>& ids) const;

  std::string origin_;
  Splitter splitter_;
  Trie pieces_;
  int32_t continuation_ = Trie::kNone;  ///< the node of the prefix "##"
  std::string prefix_;
  bool cleanup_ = true;
  size_t max_word_characters_ = 100;
  std::optional<size_t> longest_;                       ///< most ids of a text (truncation)
  bool keep_end_ = false;                               ///< truncation leaves the end of a text, not its beginning
  std::vector<std::string> tokens_;                     ///< by id
  std::unordered_map<std::string, int64_t> additions_;  ///< added tokens that are no entries of the vocabulary
  std::vector<bool> special_;                           ///< by id
  int64_t pad_ = 0, unk_ = 0, sos_ = 0, eos_ = 0;
  SentinelRange sentinels_;
};

}  // namespace fourm
