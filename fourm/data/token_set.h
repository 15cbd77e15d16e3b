// A data set as tokens, in any of the layouts that training reads. A packed folder has one file a modality:
//
//   samples.json               {"samples": ["000000", ...], "crops": C}: the names of the N samples
//   tok_depth@128.safetensors  tensor "tokens", I16 [N, C, L]
//   rgb@128.safetensors        tensor "pixels", U8 [N, C, S, S, 3]
//   caption.json               N lists of texts, of which each visit takes one
//   det.json                   N objects {"instances": [{"boxes": [xmin, ymin, xmax, ymax], "class_name", "score"}]}
//
// Token files stand a sample each in folders or tar shards (data/source.h), as the original has them:
//
//   tok_depth@128/NAME.npy     integers [C, L]
//   rgb@128/NAME.npy           U8 [C, S, S, 3]; or rgb/NAME.jpg, cropped when read
//   crop_settings/NAME.npy     [C, 5]: top, left, height, width, flip
//   caption/NAME.json or .txt, det/NAME.json: of the whole picture
//
// Crops of one number belong together in all modalities; captions and boxes follow them.
#pragma once

#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "fourm/data/sample.h"
#include "fourm/text/wordpiece.h"

namespace fourm {

/// samples.json.
struct TokenSetIndex {
  std::vector<std::string> samples;
  int64_t crops = 1;
  static TokenSetIndex read(const fs::path& folder);
  void write(const fs::path& folder) const;
};

/// Pixels as the encoder reads them: patches row by row, each in the order (row, column, channel), standardised by the
/// mean and deviation of ImageNet. pixels [S, S, 3] from 0 to 255.
ModalityData pixel_patches(const uint8_t* pixels, int64_t size, int64_t patch);

/// Steps of a box coordinate: how many tokens v0=0, v0=1, ... the vocabulary has.
int64_t coordinate_bins(const WordPiece& text);

class TokenSet {
 public:
  /// The modalities that are wanted. Error naming file and sample on a modality that is not there, another number of
  /// tokens, a token outside its vocabulary: for packed folders when opened, for files when read.
  static std::unique_ptr<TokenSet> open(const std::string& path, const std::vector<Modality>& modalities,
                                        const WordPiece& text);
  virtual ~TokenSet() = default;

  virtual int64_t size() const = 0;
  virtual const std::string& name(int64_t i) const = 0;
  /// The first sample of each shard.
  virtual const std::vector<int64_t>& shards() const = 0;
  /// Sample i; `random` chooses crop and text. Modalities that the sample lacks are absent. May be called from several
  /// threads.
  virtual TokenSample sample(int64_t i, Random random) const = 0;
};

}  // namespace fourm
