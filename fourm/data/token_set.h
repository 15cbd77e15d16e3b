// A data set as tokens, as `fourm tokenize` writes it: a folder with one file a modality, all of them in one order.
//
//   samples.json               {"samples": ["000000", ...], "crops": C}: the names of the N samples
//   tok_depth@128.safetensors  tensor "tokens", I16 [N, C, L]: the official layout of one sample, N times
//   rgb@128.safetensors        tensor "pixels", U8 [N, C, S, S, 3]
//   caption.json               N lists of texts, of which each visit takes one
//   det.json                   N objects {"instances": [{"boxes": [xmin, ymin, xmax, ymax], "class_name", "score"}]}
//
// Tensors are mapped, so that opening is fast and memory is what is used; texts are kept as text and tokenised when
// opened. Crops of one number belong together in all modalities.
#pragma once

#include "fourm/core/json.h"
#include "fourm/core/rng.h"
#include "fourm/data/sample.h"
#include "fourm/io/safetensors.h"
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
  /// The modalities of the folder that are wanted. Error naming file and sample on a missing file, another number of
  /// samples or tokens, a token outside its vocabulary, a text that is not there.
  TokenSet(const fs::path& folder, const std::vector<Modality>& modalities, const WordPiece& text);

  int64_t size() const { return static_cast<int64_t>(index_.samples.size()); }
  const std::string& name(int64_t i) const { return index_.samples[i]; }
  /// Sample i; `random` chooses crop and text.
  TokenSample sample(int64_t i, Random random) const;

 private:
  void load_tokens(const fs::path& folder, const Modality& modality);
  void load_pixels(const fs::path& folder, const Modality& modality);
  void load_texts(const fs::path& folder, const Modality& modality, const WordPiece& text);
  StoredTensor stored(const fs::path& path, const std::string& tensor, DType dtype, std::vector<int64_t> shape);

  TokenSetIndex index_;
  std::vector<SafetensorsFile> files_;
  struct Grid {
    const int16_t* tokens;
    int64_t length;
  };
  struct Picture {
    const uint8_t* pixels;
    int64_t size, patch;
  };
  std::map<std::string, Grid> grids_;
  std::map<std::string, Picture> pictures_;
  std::map<std::string, std::vector<std::vector<std::vector<int64_t>>>> texts_;  // [sample][choice] -> ids
};

}  // namespace fourm
