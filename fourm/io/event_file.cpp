#include "fourm/io/event_file.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    table[i] = crc;
  }
  return table;
}();

template <class T>
std::string raw(T value) {
  static_assert(std::endian::native == std::endian::little);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// TFRecord stores checksums rotated, so that a checksum of a stored checksum is not itself.
std::string masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return raw((crc >> 15 | crc << 17) + 0xA282EAD8u);
}

// Protobuf: a field is a key (number, wire type) and a value.
enum Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += static_cast<char>(value | 128);
  return bytes + static_cast<char>(value);
}
std::string key(int number, Wire wire) { return varint(static_cast<uint64_t>(number) << 3 | wire); }
std::string integer_field(int number, int64_t value) {
  return key(number, kVarint) + varint(static_cast<uint64_t>(value));
}
std::string bytes_field(int number, std::string_view bytes) {
  return key(number, kBytes) + varint(bytes.size()) + std::string(bytes);
}

// Event.summary (5) with one Summary.Value (1): its tag (1) and content.
std::string summary(std::string_view tag, const std::string& content) {
  return bytes_field(5, bytes_field(1, bytes_field(1, tag) + content));
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

fs::path fresh_path(const fs::path& folder) {
  make_folder(folder);
  // TensorBoard reads the files of a folder in the order of their names.
  const std::string stem = concat("events.out.tfevents.", static_cast<int64_t>(wall_time()), ".");
  int n = 0;
  while (fs::exists(folder / (stem + std::to_string(n)))) ++n;
  return folder / (stem + std::to_string(n));
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 255];
  return ~crc;
}

EventFile::EventFile(const fs::path& folder, int64_t first_step)
    : path_(fresh_path(folder)), out_(path_, std::ios::binary) {
  write(bytes_field(3, "brain.Event:2"), 0);               // file_version
  write(bytes_field(7, integer_field(1, 1)), first_step);  // session_log: START voids what came later
}

void EventFile::scalar(std::string_view tag, int64_t step, double value) {
  write(summary(tag, key(2, kFixed32) + raw(static_cast<float>(value))), step);
}

void EventFile::image(std::string_view tag, int64_t step, std::string_view png) {
  check(png.size() > 33 && png.substr(0, 8) == std::string_view("\x89PNG\r\n\x1a\n", 8), "image '", tag,
        "' is not a PNG file");
  const auto number = [&](size_t at) {
    int64_t value = 0;
    for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<unsigned char>(png[i]);
    return value;
  };
  const std::string image =
      integer_field(1, number(20)) + integer_field(2, number(16)) + integer_field(3, 3) + bytes_field(4, png);
  write(summary(tag, bytes_field(4, image)), step);
}

void EventFile::write(const std::string& fields, int64_t step) {
  const std::string event = key(1, kFixed64) + raw(wall_time()) + integer_field(2, step) + fields;
  const std::string length = raw(static_cast<uint64_t>(event.size()));
  out_ << length << masked_crc(length) << event << masked_crc(event);
  check(out_.good(), path_.string(), ": cannot be written; is the disk full?");
}

}  // namespace fourm
