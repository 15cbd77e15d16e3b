#include "fourm/io/npz.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"

namespace fourm {
namespace {

TEST(Npz, StoredAndCompressedArraysAreRead) {
  const NpyArray emb = npy_from_floats({1, 2, 3, 4, 5, 6}, {1, 3, 2}),
                 mask = npy_from_integers({1, 0, 1}, {1, 3}, "u1");
  for (const bool compressed : {false, true}) {
    const auto arrays = decode_npz(encode_npz({{"emb", emb}, {"mask_valid", mask}}, compressed), "x.npz");
    ASSERT_EQ(arrays.size(), 2u);
    EXPECT_EQ(arrays.at("emb").shape, emb.shape);
    EXPECT_EQ(arrays.at("emb").bytes, emb.bytes);
    EXPECT_EQ(arrays.at("mask_valid").bytes, mask.bytes);
  }
}

TEST(Npz, BrokenFilesAreOneError) {
  const std::string whole = encode_npz({{"emb", npy_from_floats(std::vector<float>(500, 1), {500})}}, true);
  EXPECT_THROW(decode_npz("", "x"), Error);
  EXPECT_THROW(decode_npz("no archive at all", "x"), Error);
  for (size_t n = 1; n < whole.size(); n += 7) {
    try {
      decode_npz(whole.substr(0, n), "cut.npz");  // a member that is whole may still be read
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("cut.npz"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace fourm
