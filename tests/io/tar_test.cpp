#include "fourm/io/tar.h"

#include <gtest/gtest.h>

#include "fourm/core/error.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class TarTest : public testing::Test {
 protected:
  fs::path write(const std::vector<std::pair<std::string, std::string>>& members) const {
    const fs::path path = folder / "a.tar";
    write_tar(path, [&](TarWriter& tar) {
      for (const auto& [name, bytes] : members) tar.add(name, bytes);
    });
    return path;
  }
  test::TemporaryFolder temporary;
  fs::path folder = temporary.path();
};

TEST_F(TarTest, MembersLieWhereTheListingSays) {
  const std::string deep = std::string(90, 'd') + "/" + std::string(180, 'e') + "/" + std::string(60, 'f') + ".png";
  const std::vector<std::pair<std::string, std::string>> members{
      {"a.txt", "one"}, {deep, std::string(2000, 'x')}, {"empty.txt", ""}, {"\xc3\xbc/ber.json", "{}"}};
  const fs::path path = write(members);
  const TarListing listing = list_tar(path);
  EXPECT_EQ(listing.fault, "");
  ASSERT_EQ(listing.members.size(), members.size());
  const std::string bytes = read_file(path);
  for (size_t i = 0; i < members.size(); ++i) {
    EXPECT_EQ(listing.members[i].name, members[i].first);
    EXPECT_EQ(listing.members[i].fault, "");
    EXPECT_EQ(bytes.substr(listing.members[i].offset, listing.members[i].size), members[i].second);
  }
}

TEST_F(TarTest, SameMembersGiveTheSameBytes) {
  const std::string first = read_file(write({{"a.txt", "one"}, {"b.txt", "two"}}));
  EXPECT_EQ(first, read_file(write({{"a.txt", "one"}, {"b.txt", "two"}})));
}

// Wherever an archive is cut, the listing holds only members that are whole, and says that something is missing unless
// only the padding at the end is.
TEST_F(TarTest, CutArchivesNeverPromiseBytesThatAreNotThere) {
  const fs::path path = write({{"a.txt", std::string(700, 'a')}, {"b.txt", std::string(700, 'b')}});
  const std::string whole = read_file(path);
  for (size_t n = 0; n < whole.size(); n += 100) {
    write_file(path, whole.substr(0, n));
    const TarListing listing = list_tar(path);
    for (const auto& m : listing.members) {
      if (m.fault.empty()) {
        EXPECT_LE(m.offset + m.size, n);
      }
    }
    EXPECT_TRUE(n >= 3072 || !listing.fault.empty() || listing.members.size() < 2) << n;
  }
}

TEST_F(TarTest, NamesThatLeaveTheFolderAreFaults) {
  for (const char* name : {"../a.txt", "x/../../a.txt", "/etc/a.txt", "x//a.txt", "x/./a.txt"}) {
    const TarListing listing = list_tar(write({{name, "one"}}));
    ASSERT_EQ(listing.members.size(), 1u);
    EXPECT_NE(listing.members[0].fault, "") << name;
  }
  EXPECT_EQ(list_tar(write({{"..a/b..txt", "one"}})).members[0].fault, "");
  EXPECT_THROW(list_tar(folder / "none.tar"), Error);
}

}  // namespace
}  // namespace fourm
