// A data set as tokens, read when a sample is visited: a file a sample, in folders or tar shards (data/source.h), as
// `fourm tokenize` and the original write them:
//
//   tok_depth@128/NAME.npy     integers [C, L]
//   rgb@128/NAME.npy           U8 [C, S, S, 3]; or rgb/NAME.jpg, cropped when read
//   crop_settings/NAME.npy     [C, 5]: top, left, height, width, flip
//   caption/NAME.json or .txt, det/NAME.json: of the whole picture
//
// Crops of one number belong together in all modalities; captions and boxes follow them.
#pragma once

#include "fourm/core/rng.h"
#include "fourm/data/sample.h"
#include "fourm/data/source.h"
#include "fourm/io/npy.h"
#include "fourm/text/wordpiece.h"

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

/// Pixels as the encoder reads them: patches row by row, each in the order (row, column, channel), standardised by the
/// mean and deviation of ImageNet. pixels [S, S, 3] from 0 to 255.
ModalityData pixel_patches(const uint8_t* pixels, int64_t size, int64_t patch);

/// Steps of a box coordinate: how many tokens v0=0, v0=1, ... the vocabulary has.
int64_t coordinate_bins(const WordPiece& text);

class TokenSet {
 public:
  /// The modalities that are wanted. The text tokenizer must outlive the set. Error on a modality that is not there.
  TokenSet(const std::string& path, const std::vector<Modality>& modalities, const WordPiece& text);

  int64_t size() const { return source_.size(); }
  const std::string& name(int64_t i) const { return source_.name(i); }
  /// The first sample of each shard.
  const std::vector<int64_t>& shards() const { return source_.shards(); }
  /// Sample i; `random` chooses crop and text. Modalities that the sample lacks are absent. Error naming the file on
  /// another number of crops or tokens and on a token outside its vocabulary. May be called from several threads.
  TokenSample sample(int64_t i, Random random) const;

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
