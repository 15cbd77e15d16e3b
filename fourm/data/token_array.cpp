#include "fourm/data/token_array.h"

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::vector<std::string> sizes;
  for (const int64_t size : shape) sizes.push_back(std::to_string(size));
  return "[" + join(sizes, ", ") + "]";
}

std::string layout_text(int64_t codebooks) {
  return concat("expected integers [tokens] or [crops, tokens]; with the grid in the shape [crops, ",
                codebooks > 1 ? concat(codebooks, ", ") : "", "rows, columns]");
}

// Whether a flat row of so many tokens may be an image.
bool is_length(int64_t tokens, const ExpectedTokens& expected) {
  switch (expected.rule) {
    case ExpectedTokens::Length::kAny: return true;
    case ExpectedTokens::Length::kSquare: return square_side(tokens, expected.codebooks) > 0;
    case ExpectedTokens::Length::kAtMost: return tokens <= expected.length;
    case ExpectedTokens::Length::kExactly: return tokens == expected.length;
  }
  fail("[TokenArray] unknown rule");
}

}  // namespace

int64_t square_side(int64_t tokens, int64_t codebooks) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(tokens / codebooks))));
  return side * side * codebooks == tokens ? side : 0;
}

bool has_integers(const NpyArray& array) { return array.dtype[0] == 'i' || array.dtype[0] == 'u'; }

ExpectedTokens ExpectedTokens::of(const Modality& modality) {
  if (modality.kind != ModalityKind::kTokens) return {};
  return {modality.has_grid() ? Length::kExactly : Length::kAtMost, modality.max_tokens, 0};
}

TokenArray::TokenArray(NpyArray array, std::string where, const ExpectedTokens& expected)
    : array_(std::move(array)), where_(std::move(where)) {
  check(has_integers(array_), where_, ": tokens should be integers, found dtype '", array_.dtype, "'");
  const size_t dims = array_.shape.size();
  check(dims >= 1 && dims <= 4 && array_.count() > 0, where_, ": is an array of ", dims, " dimensions, shape ",
        shape_text(array_.shape), ", ", layout_text(expected.codebooks));
  read_shape(expected);
  length_ = array_.count() / crops_;
  switch (expected.rule) {
    case ExpectedTokens::Length::kAny: break;
    case ExpectedTokens::Length::kSquare:
      if (rows_ == 0) rows_ = columns_ = square_side(length_, expected.codebooks);
      check(rows_ > 0 && rows_ * columns_ * expected.codebooks == length_, where_, ": ", array_.shape.back(),
            " tokens do not fit the tokenizer, shape ", shape_text(array_.shape), ", ",
            layout_text(expected.codebooks));
      break;
    case ExpectedTokens::Length::kAtMost:
      check(is_length(length_, expected), where_, ": has ", length_, " tokens per crop, expected at most ",
            expected.length, " (shape ", shape_text(array_.shape), ")");
      break;
    case ExpectedTokens::Length::kExactly: {
      const int64_t side = square_side(expected.length, 1);
      check(is_length(length_, expected), where_, ": has ", length_, " tokens per crop, expected ", expected.length,
            ", a grid of ", side, " x ", side, " (shape ", shape_text(array_.shape),
            "); tokens that are no grid have max_tokens in place of image_size and patch_size");
      break;
    }
  }
}

void TokenArray::read_shape(const ExpectedTokens& expected) {
  const std::vector<int64_t>& shape = array_.shape;
  const size_t dims = shape.size();
  bool has_grid = dims == 4;
  if (dims == 2) {
    has_grid = is_one_grid(expected);
    crops_ = has_grid ? 1 : shape[0];
  } else if (dims == 3) {
    const int64_t grid = shape[1] * shape[2];
    const bool one_image = expected.codebooks > 1 ||
                           (expected.codebooks == 0 && grid != expected.length && array_.count() == expected.length);
    crops_ = one_image ? 1 : shape[0];
    has_grid = true;
  } else if (dims == 4) {
    crops_ = shape[0];
  }
  if (has_grid) rows_ = shape[dims - 2], columns_ = shape[dims - 1];
}

// Whether an array of two dimensions is [rows, columns], not [crops, L].
bool TokenArray::is_one_grid(const ExpectedTokens& expected) const {
  const int64_t height = array_.shape[0], width = array_.shape[1], count = array_.count();
  if (expected.codebooks > 1 || height == 1 || width == expected.length) return false;
  if (expected.rule == ExpectedTokens::Length::kAtMost) return false;  // tokens in a row have no grid
  if (count == expected.length) return true;
  if (expected.rule != ExpectedTokens::Length::kSquare) return false;
  if (!is_length(width, expected)) return true;
  // Crops of another size than the usual one are long rows.
  check(width > 4 * height, where_, ": ", shape_text(array_.shape), " may be ", height,
        " crops or one grid; save it as [1, ", height, ", ", width, "] if it is a grid");
  return false;
}

std::vector<int64_t> TokenArray::ids(int64_t crop, int64_t vocabulary, bool allow_unknown) const {
  const size_t bytes = array_.bytes.size() / static_cast<size_t>(crops_);
  std::vector<int64_t> ids = npy_integers({array_.dtype, {length_}, array_.bytes.substr(bytes * crop, bytes)}, where_);
  for (const int64_t id : ids)
    check((id >= 0 || (id == -1 && allow_unknown)) && id < vocabulary, where_, ": holds the token ", id, ", expected ",
          allow_unknown ? -1 : 0, " to ", vocabulary - 1);
  return ids;
}

}  // namespace fourm
