// The text tokenizer of CLIP (Radford et al. 2021): byte pair encoding of lower-case words, equal to Hugging Face's
// CLIPTokenizerFast.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fourm/core/file.h"
#include "fourm/text/splitter.h"

namespace fourm {

/// Immutable once loaded; every method may be called from several threads at once.
class BytePair {
 public:
  /// Of a folder with vocab.json and merges.txt, or else tokenizer.json. Error naming the file on anything but a tokenizer of CLIP:
  /// a vocabulary with the 256 bytes, each of them at the end of a word ("</w>"), all merges, <|startoftext|> and <|endoftext|>.
  static BytePair open(const fs::path& folder);

  /// <|startoftext|>, the text, <|endoftext|>. Of a longer text the first `longest` - 1 ids and the end. longest >= 2.
  std::vector<int64_t> encode(std::string_view text, int64_t longest) const;

  int64_t size() const { return size_; }  ///< of the vocabulary: ids are below it
  int64_t end() const { return end_; }    ///< the id of <|endoftext|>

 private:
  using Vocabulary = std::unordered_map<std::string, int64_t>;
  struct Merge {
    int64_t rank, id;
  };

  BytePair(const Vocabulary& vocabulary, const std::vector<std::string>& merges, const std::vector<AddedToken>& added,
           const std::string& origin);
  static BytePair from_tokenizer_json(const fs::path& file);
  void append_word(std::string_view word, std::vector<int64_t>& ids) const;
  const Merge* find_merge(int64_t left, int64_t right) const;

  int64_t size_ = 0, start_ = 0, end_ = 0;
  std::vector<int64_t> inner_, last_;           ///< the id of a byte inside a word, and at its end
  std::unordered_map<uint64_t, Merge> merges_;  ///< by the ids of the two parts
  TokenFinder raw_, normalized_;                ///< of added tokens
};

}  // namespace fourm
