#include "fourm/io/event_file.h"

#include <gtest/gtest.h>

#include <cstring>

#include "fourm/core/error.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// The smallest PNG that is whole: 1 x 2 grey (chunk checksums do not matter here).
std::string png_1x2() {
  std::string png("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\2\x08\0\0\0\0", 29);
  return png + std::string(20, 'x');
}

// Splits a file into its events and holds every length and checksum to the format.
std::vector<std::string> events(const fs::path& folder) {
  const auto files = list_files(folder);
  EXPECT_EQ(files.size(), 1u);
  const std::string bytes = read_file(files.at(0));
  const auto masked = [](std::string_view part) {
    const uint32_t crc = crc32c(part);
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
  };
  std::vector<std::string> found;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    uint32_t length_crc = 0, crc = 0;
    std::memcpy(&length, &bytes[at], 8);
    std::memcpy(&length_crc, &bytes[at + 8], 4);
    EXPECT_EQ(length_crc, masked(std::string_view(bytes).substr(at, 8)));
    found.push_back(bytes.substr(at + 12, length));
    std::memcpy(&crc, &bytes[at + 12 + length], 4);
    EXPECT_EQ(crc, masked(found.back()));
    at += 16 + length;
  }
  return found;
}

TEST(EventFile, Crc32cOfTheRfc) {  // RFC 3720, appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
}

TEST(EventFile, RecordsAreWholeProtobufEvents) {
  const test::TemporaryFolder folder;
  {
    EventFile file(folder.path(), 1);
    file.scalar("loss", 300, 0.5);
    file.image("rgb", 300, png_1x2());
  }
  const auto found = events(folder.path());
  ASSERT_EQ(found.size(), 4u);
  EXPECT_NE(found[0].find("brain.Event:2"), std::string::npos);
  // wall_time: 9 bytes; step 300 = varint AC 02; summary { value { tag "loss" simple_value 0.5 } }
  EXPECT_EQ(found[2].substr(9), std::string("\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\0\x3f", 18));
  // image { height 2 width 1 colorspace 3 png }
  const std::string image("\x08\x02\x10\x01\x18\x03\x22\x31", 8);
  EXPECT_NE(found[3].find(image + png_1x2()), std::string::npos);
}

TEST(EventFile, OnlyPngs) {
  const test::TemporaryFolder folder;
  EventFile file(folder.path(), 1);
  EXPECT_THROW(file.image("rgb", 1, "JPEG"), Error);
}

}  // namespace
}  // namespace fourm
