// NumPy arrays: round trips, every dtype, and headers that lie.
#include "fourm/io/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "fourm/core/error.h"

namespace fourm {
namespace {

std::string file(const std::string& header, const std::string& data, int version = 1) {
  std::string out = "\x93NUMPY";
  out += {static_cast<char>(version), '\0'};
  for (size_t i = 0, n = header.size(); i < (version == 1 ? 2 : 4); ++i, n >>= 8) out += static_cast<char>(n & 255);
  return out + header + data;
}

std::string message(const std::string& bytes) {
  try {
    decode_npy(bytes, "a.npy");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Npy, IntegersRoundTrip) {
  const std::vector<int64_t> values = {0, 1, 100, 127, 3, 5};
  for (const char* dtype : {"i1", "u1", "i2", "u2", "i4", "i8"}) {
    const auto back = decode_npy(encode_npy(npy_from_integers(values, {2, 3}, dtype)), "x");
    EXPECT_EQ(back.shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(back.dtype, dtype);
    EXPECT_EQ(npy_integers(back, "x"), values);
  }
  EXPECT_THROW(npy_from_integers({128}, {1}, "i1"), Error);
  EXPECT_THROW(npy_from_integers({-1}, {1}, "u2"), Error);
  EXPECT_THROW(npy_from_integers({1, 2}, {3}), Error);
}

TEST(Npy, ShapesOfEveryRank) {
  for (const auto& shape : std::vector<std::vector<int64_t>>{{}, {1}, {0}, {1, 1, 1}, {0, 5}}) {
    const int64_t n = NpyArray{"i8", shape, ""}.count();
    const auto array = npy_from_integers(std::vector<int64_t>(static_cast<size_t>(n), 4), shape);
    const std::string bytes = encode_npy(array);
    EXPECT_EQ(decode_npy(bytes, "x").shape, shape);
    EXPECT_EQ((bytes.size() - array.bytes.size()) % 64, 0u);
  }
}

TEST(Npy, FloatsOfEveryWidth) {
  const auto f4 = decode_npy(encode_npy(npy_from_floats({1.5f, -2}, {2})), "x");
  EXPECT_EQ(npy_floats(f4), (std::vector<float>{1.5f, -2}));
  EXPECT_THROW(npy_integers(f4, "x"), Error);
  const uint16_t half[] = {0x3C00, 0xC000, 0x0001, 0x7C00, 0x7BFF};
  const NpyArray f2{"f2", {5}, std::string(reinterpret_cast<const char*>(half), sizeof half)};
  EXPECT_EQ(npy_floats(f2), (std::vector<float>{1, -2, std::ldexp(1.0f, -24), INFINITY, 65504}));
  const double d = 0.25;
  EXPECT_EQ(npy_floats({"f8", {1}, std::string(reinterpret_cast<const char*>(&d), 8)}), std::vector<float>{0.25f});
}

TEST(Npy, VersionsAndSpacing) {
  for (const int version : {1, 2, 3}) {
    const auto array =
        decode_npy(file("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }   \n", {1, 0, 1}, version), "x");
    EXPECT_EQ(npy_integers(array, "x"), (std::vector<int64_t>{1, 0, 1}));
  }
  EXPECT_EQ(decode_npy(file("{'shape':(),'fortran_order':False,'descr':'|u1'}", "a"), "x").count(), 1);
}

TEST(Npy, LyingHeadersAreRefused) {
  const auto header = [](const std::string& descr, const std::string& order, const std::string& shape) {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  };
  EXPECT_NE(message(file(header("'|O'", "False", "(1,)"), "12345678")).find("unpickled"), std::string::npos);
  EXPECT_NE(message(file(header("'>i4'", "False", "(1,)"), "1234")).find("little-endian"), std::string::npos);
  EXPECT_NE(message(file(header("'<i4'", "True", "(1,)"), "1234")).find("column order"), std::string::npos);
  EXPECT_NE(message(file(header("'<i4'", "False", "(2,)"), "1234")).find("cut"), std::string::npos);
  for (const std::string& bad :
       {file(header("'<i8'", "False", "(9999999999999999999,)"), ""),
        file(header("'<i8'", "False", "(4294967296, 4294967296)"), ""), file(header("'<i8'", "False", "(-1,)"), ""),
        file(header("[('a', '<i4')]", "False", "(1,)"), "1234"), file(header("'<c8'", "False", "(1,)"), "12345678"),
        file(header("'<i4'", "False", "(1,)"), "12345"), file("{'descr': '<i4'}\n", "1234"), file("{", ""),
        file("", ""), file(header("'<i4'", "False", "(1,)") + "junk", "1234"),
        std::string("\x93NUMPY\x01\0\xff\xff", 10), std::string("\x93NUMPY\x02\0\xff\xff\xff\xff", 12),
        std::string("\x93NUMPY\x09\0\0\0", 10), std::string("PK")})
    EXPECT_NE(message(bad), "") << bad;
}

}  // namespace
}  // namespace fourm
