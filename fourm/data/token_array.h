// Token files: .npy arrays of integers in one layout (docs/data.md, "Token files"), read here for training, generation,
// `fourm tokenizer decode` and `fourm data check`:
//
//   [L]                                          one image
//   [crops, L]                                   L counts all codebooks, one after the other, each row by row
//   [crops, rows, columns]                       with the grid in the shape, one codebook
//   [crops, codebooks, rows, columns]            the same with several codebooks
//   [rows, columns], [codebooks, rows, columns]  one image, where the expected size tells it from crops
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fourm/io/npy.h"
#include "fourm/modality/modality.h"

namespace fourm {

/// What is known of the tokens of one image before its file is read.
struct ExpectedTokens {
  enum class Length {
    kAny,      ///< nothing is known
    kSquare,   ///< a flat row is a square grid in each codebook; a grid in the shape may have any sides
    kAtMost,   ///< `length` or fewer
    kExactly,  ///< `length`, a square grid
  };
  Length rule = Length::kAny;
  int64_t length = 0;     ///< usual number of tokens, of all codebooks; 0: unknown
  int64_t codebooks = 0;  ///< 0: unknown

  /// Modalities of tokens: the number of their grid, or at most max_tokens where there is no grid. Sequences: any.
  static ExpectedTokens of(const Modality& modality);
};

class TokenArray {
 public:
  /// Error naming `where` on anything else, and on a shape that may be crops or a grid.
  TokenArray(NpyArray array, std::string where, const ExpectedTokens& expected = {});
  TokenArray(std::string_view bytes, const std::string& where, const ExpectedTokens& expected = {})
      : TokenArray(decode_npy(bytes, where), where, expected) {}

  int64_t crops() const { return crops_; }
  int64_t length() const { return length_; }    ///< tokens of a crop, of all codebooks
  int64_t rows() const { return rows_; }        ///< of the grid; 0 where neither shape nor expectation tells it
  int64_t columns() const { return columns_; }  ///< of the grid; 0 where neither shape nor expectation tells it
  /// The tokens of a crop. Error when one is below 0 or from `vocabulary` on; -1 may be allowed, for unknown tokens.
  std::vector<int64_t> ids(int64_t crop, int64_t vocabulary, bool allow_unknown = false) const;

 private:
  void read_shape(const ExpectedTokens& expected);
  bool is_one_grid(const ExpectedTokens& expected) const;

  NpyArray array_;
  std::string where_;
  int64_t crops_ = 1, length_ = 0, rows_ = 0, columns_ = 0;
};

/// The side of the square grid of `tokens` tokens in so many codebooks; 0 where there is none.
int64_t square_side(int64_t tokens, int64_t codebooks);

/// Whether the array holds integers, as token ids do.
bool has_integers(const NpyArray& array);

}  // namespace fourm
