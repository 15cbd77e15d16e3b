#include "fourm/io/npy.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

size_t item_size(std::string_view dtype, const std::string& origin) {
  for (const char* known : {"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "f2", "f4", "f8"})
    if (dtype == known) return static_cast<size_t>(dtype[1] - '0');
  fail(origin, ": arrays of dtype ", printable(dtype, 20),
       " are not read; save it as bool, int8 to int64, uint8 to uint32 or float16 to float64");
}

int64_t product(const std::vector<int64_t>& shape, const std::string& origin) {
  int64_t n = 1;
  for (const int64_t d : shape)
    check(d >= 0 && !__builtin_mul_overflow(n, d, &n) && n <= int64_t{1} << 40, origin, ": the shape is too large");
  return n;
}

// The header is a Python dict literal: {'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {}

  NpyArray parse() {
    NpyArray array;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = true;
        skip_space();
        check(at_ < text_.size() && text_[at_] == '\'', origin_, ": structured .npy arrays are not read");
        array.dtype = plain_dtype(quoted());
      } else if (key == "fortran_order" && !order) {
        order = true;
        check(!accept_word("True"), origin_, ": the array is in column order; save numpy.ascontiguousarray(it)");
        check(accept_word("False"), origin_, ": broken .npy header at 'fortran_order'");
      } else if (key == "shape" && !shape) {
        shape = true;
        array.shape = tuple();
      } else {
        fail(origin_, ": unexpected or repeated key ", printable(key, 40), " in the .npy header");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    check(at_ == text_.size() && descr && order && shape, origin_,
          ": the .npy header must hold exactly descr, fortran_order and shape");
    return array;
  }

 private:
  std::string plain_dtype(const std::string& descr) const {
    check(descr.size() >= 2, origin_, ": broken dtype in the .npy header");
    const bool one_byte = descr.ends_with("1");
    check(descr.find('O') == std::string::npos, origin_, ": holds Python objects, which are never unpickled");
    check(descr[0] == '<' || (one_byte && (descr[0] == '|' || descr[0] == '>')), origin_,
          ": expected little-endian values ('<'), found dtype ", printable(descr, 20));
    std::string dtype = descr.substr(1);
    item_size(dtype, origin_);
    return dtype;
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) { check(accept(c), origin_, ": broken .npy header, expected '", c, "' at byte ", at_); }
  bool accept_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string quoted() {
    expect('\'');
    const size_t end = text_.find('\'', at_);
    check(end != std::string_view::npos, origin_, ": broken .npy header, a quote is not closed");
    std::string word(text_.substr(at_, end - at_));
    at_ = end + 1;
    return word;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> values;
    expect('(');
    while (!accept(')')) {
      skip_space();
      int64_t value = 0;
      size_t digits = 0;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, ++digits) {
        check(digits < 18, origin_, ": a dimension in the .npy header is too large");
        value = 10 * value + (text_[at_] - '0');
      }
      check(digits > 0 && values.size() < 32, origin_, ": broken shape in the .npy header");
      values.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return values;
  }

  std::string_view text_;
  const std::string& origin_;
  size_t at_ = 0;
};

float half_to_float(uint16_t h) {
  const int exponent = h >> 10 & 31, mantissa = h & 1023;
  const float sign = h & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa ? std::numeric_limits<float>::quiet_NaN() : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024.0f + mantissa, exponent - 25) : std::ldexp(float(mantissa), -24));
}

template <class T>
T item(const NpyArray& array, int64_t i) {
  T value;
  std::memcpy(&value, array.bytes.data() + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

// Calls body(value) for each value in its own type.
template <class Body>
void for_each(const NpyArray& array, const Body& body) {
  const int64_t n = array.count();
  check(array.bytes.size() == static_cast<size_t>(n) * item_size(array.dtype, "[npy]"),
        "[npy] the bytes do not fit the shape");
  for (int64_t i = 0; i < n; ++i) {
    if (array.dtype == "b1") body(static_cast<int64_t>(item<uint8_t>(array, i) != 0));
    if (array.dtype == "u1") body(static_cast<int64_t>(item<uint8_t>(array, i)));
    if (array.dtype == "i1") body(static_cast<int64_t>(item<int8_t>(array, i)));
    if (array.dtype == "u2") body(static_cast<int64_t>(item<uint16_t>(array, i)));
    if (array.dtype == "i2") body(static_cast<int64_t>(item<int16_t>(array, i)));
    if (array.dtype == "i4") body(static_cast<int64_t>(item<int32_t>(array, i)));
    if (array.dtype == "u4") body(static_cast<int64_t>(item<uint32_t>(array, i)));
    if (array.dtype == "i8") body(item<int64_t>(array, i));
    if (array.dtype == "f2") body(static_cast<double>(half_to_float(item<uint16_t>(array, i))));
    if (array.dtype == "f4") body(static_cast<double>(item<float>(array, i)));
    if (array.dtype == "f8") body(item<double>(array, i));
  }
}

}  // namespace

int64_t NpyArray::count() const { return product(shape, "[npy]"); }

NpyArray decode_npy(std::string_view bytes, const std::string& origin) {
  check(bytes.size() >= 10 && bytes.starts_with(kMagic), origin, ": is not a .npy file");
  const int version = static_cast<uint8_t>(bytes[6]);
  check(version >= 1 && version <= 3, origin, ": .npy format version ", version, " is not known (1 to 3 are)");
  const size_t length_bytes = version == 1 ? 2 : 4;
  check(bytes.size() >= 8 + length_bytes, origin, ": the file is cut in the .npy header");
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, length_bytes);
  const size_t start = 8 + length_bytes;
  check(length <= 1u << 16, origin, ": the .npy header claims ", length, " bytes, at most 65536 are read");
  check(length <= bytes.size() - start, origin, ": the file is cut in the .npy header");
  NpyArray array = HeaderParser(bytes.substr(start, length), origin).parse();
  const uint64_t expected = static_cast<uint64_t>(product(array.shape, origin)) * item_size(array.dtype, origin);
  const std::string_view data = bytes.substr(start + length);
  check(data.size() == expected, origin, ": the shape needs ", expected, " bytes, the file holds ", data.size(),
        data.size() < expected ? "; it is cut" : "");
  array.bytes = data;
  return array;
}

NpyArray read_npy(const fs::path& path) { return decode_npy(read_file(path), path.string()); }

std::string encode_npy(const NpyArray& array) {
  const size_t size = item_size(array.dtype, "[encode_npy]");
  check(array.bytes.size() == static_cast<size_t>(array.count()) * size, "[encode_npy] the bytes do not fit the shape");
  std::string header =
      concat("{'descr': '", size == 1 ? '|' : '<', array.dtype, "', 'fortran_order': False, 'shape': (");
  for (const int64_t d : array.shape) header += std::to_string(d) + (array.shape.size() == 1 ? "," : ", ");
  if (array.shape.size() > 1) header.resize(header.size() - 2);
  header += "), }";
  while ((kMagic.size() + 4 + header.size() + 1) % 64) header += ' ';  // data start at a multiple of 64
  header += '\n';
  std::string out(kMagic);
  out += {'\1', '\0', static_cast<char>(header.size() & 255), static_cast<char>(header.size() >> 8)};
  return out + header + array.bytes;
}

void write_npy(const fs::path& path, const NpyArray& array) { write_file(path, encode_npy(array)); }

std::vector<int64_t> npy_integers(const NpyArray& array, const std::string& origin) {
  check(array.dtype[0] != 'f', origin, ": expected integers, found dtype '", array.dtype, "'");
  std::vector<int64_t> values;
  values.reserve(static_cast<size_t>(array.count()));
  for_each(array, [&](auto v) { values.push_back(static_cast<int64_t>(v)); });
  return values;
}

std::vector<float> npy_floats(const NpyArray& array) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(array.count()));
  for_each(array, [&](auto v) { values.push_back(static_cast<float>(v)); });
  return values;
}

template <class T>
static std::string packed(const std::vector<int64_t>& values, const std::string& dtype) {
  std::string bytes(values.size() * sizeof(T), '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const T value = static_cast<T>(values[i]);
    check(static_cast<int64_t>(value) == values[i], "[npy] ", values[i], " does not fit dtype '", dtype, "'");
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
  }
  return bytes;
}

NpyArray npy_from_integers(const std::vector<int64_t>& values, std::vector<int64_t> shape, const std::string& dtype) {
  NpyArray array{dtype, std::move(shape), {}};
  check(array.count() == static_cast<int64_t>(values.size()), "[npy] ", values.size(), " values do not fit the shape");
  if (dtype == "i1") array.bytes = packed<int8_t>(values, dtype);
  if (dtype == "u1") array.bytes = packed<uint8_t>(values, dtype);
  if (dtype == "i2") array.bytes = packed<int16_t>(values, dtype);
  if (dtype == "u2") array.bytes = packed<uint16_t>(values, dtype);
  if (dtype == "i4") array.bytes = packed<int32_t>(values, dtype);
  if (dtype == "u4") array.bytes = packed<uint32_t>(values, dtype);
  if (dtype == "i8") array.bytes = packed<int64_t>(values, dtype);
  check(!array.bytes.empty() || values.empty(), "[npy] integers cannot be written as dtype '", dtype, "'");
  return array;
}

NpyArray npy_from_floats(const std::vector<float>& values, std::vector<int64_t> shape) {
  NpyArray array{"f4", std::move(shape), std::string(values.size() * sizeof(float), '\0')};
  check(array.count() == static_cast<int64_t>(values.size()), "[npy] ", values.size(), " values do not fit the shape");
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

}  // namespace fourm
