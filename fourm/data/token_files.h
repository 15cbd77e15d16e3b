// Token files in folders or tar shards (data/token_set.h), read when a sample is visited.
#pragma once

#include "fourm/data/source.h"
#include "fourm/data/token_set.h"
#include "fourm/io/npy.h"

namespace fourm {

/// A file of tokens: integers [C, L], or [L] for one crop.
class TokenArray {
 public:
  /// Error naming `where` on anything else.
  TokenArray(std::string_view bytes, std::string where);
  int64_t crops() const { return crops_; }
  int64_t length() const { return length_; }
  /// The tokens of a crop. Error when one is below 0 or from `vocabulary` on.
  std::vector<int64_t> ids(int64_t crop, int64_t vocabulary) const;

 private:
  NpyArray array_;
  std::string where_;
  int64_t crops_ = 1, length_ = 0;
};

/// A text as the ids of a sequence: with [EOS], cut to `most`.
std::vector<int64_t> text_ids(const std::string& line, const WordPiece& text, int64_t most);

class TokenFiles : public TokenSet {
 public:
  /// The text tokenizer must outlive the set.
  TokenFiles(const std::string& path, const std::vector<Modality>& modalities, const WordPiece& text);

  int64_t size() const override { return source_.size(); }
  const std::string& name(int64_t i) const override { return source_.name(i); }
  const std::vector<int64_t>& shards() const override { return source_.shards(); }
  TokenSample sample(int64_t i, Random random) const override;

 private:
  struct Part {
    Modality modality;
    std::string folder;  // that it is read from: its name, or the part before '@'
  };
  Source source_;
  std::vector<Part> parts_;  // sorted by name
  const WordPiece& text_;
  int64_t bins_ = 0;
};

}  // namespace fourm
