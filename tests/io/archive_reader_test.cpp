#include "fourm/io/archive_reader.h"

#include <gtest/gtest.h>

#include "fourm/io/gzip.h"
#include "fourm/io/npz.h"
#include "tests/support/message_of.h"

namespace fourm {
namespace {

TEST(ArchiveReader, EntriesAreReadUpToALimitOfAllTogether) {
  const NpyArray array = npy_from_floats(std::vector<float>(100, 1), {100});
  const size_t size = encode_npy(array).size();
  const std::string bytes = encode_npz({{"a", array}, {"b", array}}, true);
  ArchiveReader reader(ArchiveFormat::kZip, "x.npz", ".npz file");
  reader.open_memory(bytes);
  EXPECT_EQ(reader.next(), "a.npy");
  EXPECT_EQ(reader.read(2 * size - 1).size(), size);
  EXPECT_EQ(reader.next(), "b.npy");
  EXPECT_EQ(test::message_of([&] { reader.read(2 * size - 1); }),
            "x.npz: holds more than " + std::to_string(2 * size - 1) + " bytes");
}

TEST(ArchiveReader, BrokenArchivesAreNamed) {
  EXPECT_NE(test::message_of([] { gunzip("\x1f\x8b", "cut.gz"); }).find("cut.gz: is a broken or cut .gz file"),
            std::string::npos);
  EXPECT_NE(test::message_of([] {
              ArchiveReader reader(ArchiveFormat::kZip, "a.sh3f", "furniture file");
              reader.open_memory("no archive");
              reader.next();
            }).find("a.sh3f: is a broken or cut furniture file"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
