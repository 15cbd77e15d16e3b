// Every way to add products of bytes that this processor has gives the plain sums.
#include "fourm/kernels/cpu/panel_tile.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

constexpr int64_t kRows = 3;

// The sums of a form after two additions, and what they should be.
template <class Form>
FOURM_INLINE void add_twice(std::vector<int32_t>& found, std::vector<int32_t>& wanted) {
  constexpr int64_t kFour = kTogether<int8_t>;
  std::vector<uint8_t> rows(kRows * kRowStride<uint8_t>);
  std::vector<int8_t> panel(Form::kCols * kFour);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint8_t>(i % 5 == 0 ? 255 : 37 * i % 256);
  for (size_t i = 0; i < panel.size(); ++i) {  // from the lowest to the highest level, which neighbours share at times
    const int64_t n = static_cast<int64_t>(29 * (i / 2)) % (2 * Form::kColumnQmax + 1);
    panel[i] = static_cast<int8_t>(n - Form::kColumnQmax);
  }
  typename Form::Sums sum[kRows][2] = {};
  for (int twice = 0; twice < 2; ++twice) Form::template multiply_add<kRows>(rows.data(), panel.data(), sum);
  found.resize(kRows * Form::kCols);
  wanted.assign(kRows * Form::kCols, 0);
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t c = 0; c < Form::kCols; ++c) {
      const auto place = static_cast<size_t>(r * Form::kCols + c);
      found[place] = sum[r][c / Form::kLanes][c % Form::kLanes];
      for (int64_t k = 0; k < kFour; ++k)
        wanted[place] +=
            2 * rows[static_cast<size_t>(r * kRowStride<uint8_t> + k)] * panel[static_cast<size_t>(c * kFour + k)];
    }
}

template <class Form>
FOURM_AVX2 void add_avx2(std::vector<int32_t>& found, std::vector<int32_t>& wanted) {
  add_twice<Form>(found, wanted);
}
template <class Form>
FOURM_AVX512 void add_avx512(std::vector<int32_t>& found, std::vector<int32_t>& wanted) {
  add_twice<Form>(found, wanted);
}

template <class Form>
void expect_plain_sums() {
  auto add = add_twice<Form>;
  if constexpr (Form::kTarget == Target::kAvx2) add = add_avx2<Form>;
  if constexpr (Form::kTarget == Target::kAvx512) add = add_avx512<Form>;
  std::vector<int32_t> found, wanted;
  add(found, wanted);
  EXPECT_EQ(found, wanted);
}

TEST(PanelTile, BytesAreAddedExactly) {
  using enum Target;
  expect_plain_sums<Int8<kAny, Dot::kPlain>>();
  if (has_avx2()) expect_plain_sums<Int8<kAvx2, Dot::kPairs>>();
  if (has_avx512()) expect_plain_sums<Int8<kAvx512, Dot::kPairs>>();
  if (has_avx_vnni()) expect_plain_sums<Int8<kAvx2, Dot::kFours>>();
  if (has_avx512_vnni()) expect_plain_sums<Int8<kAvx512, Dot::kFours>>();
}

}  // namespace
}  // namespace fourm
