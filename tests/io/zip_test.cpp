#include "fourm/io/zip.h"

#include <gtest/gtest.h>

#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/torch_archive.h"

namespace fourm {
namespace {

class Zip : public testing::Test {
 protected:
  fs::path write(const std::string& bytes) const {
    write_file(folder / "a.zip", bytes);
    return folder / "a.zip";
  }
  std::string refusal(const std::string& bytes) const {
    return test::message_of([&] { ZipArchive::open(write(bytes)); });
  }
  test::TemporaryFolder folder;
};

TEST_F(Zip, MembersAreFoundByNameWithTheirBytes) {
  const test::ZipMembers members{{"a/data.pkl", "pickled"}, {"a/empty", ""}, {"a/data/0", std::string(5000, 'x')}};
  const ZipArchive archive = ZipArchive::open(write(test::zip_of(members)));
  ASSERT_EQ(archive.entries().size(), members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    EXPECT_EQ(archive.entries()[i].name, members[i].first);
    const auto* found = archive.find(members[i].first);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(archive.bytes(*found), members[i].second);
  }
  EXPECT_EQ(archive.find("a"), nullptr);
}

TEST_F(Zip, BrokenArchivesAreRefused) {
  const std::string whole = test::zip_of({{"name", "twelve bytes"}});
  EXPECT_NE(refusal(""), "no error");
  EXPECT_NE(refusal("PK"), "no error");
  EXPECT_NE(refusal(std::string(4000, 'x')), "no error");
  for (size_t cut = 1; cut < whole.size(); cut += 7)
    EXPECT_NE(refusal(whole.substr(0, whole.size() - cut)), "no error") << cut;
  std::string compressed = whole;
  compressed[whole.find("PK\x01\x02") + 10] = 8;  // the method of the directory's entry: deflate
  EXPECT_NE(refusal(compressed).find("compress"), std::string::npos) << refusal(compressed);
}

}  // namespace
}  // namespace fourm
