// A safetensors reader that distrusts its files: one broken file per rule.
#include "fourm/io/safetensors.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstring>

#include "fourm/core/error.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class Safetensors : public testing::Test {
 protected:
  std::string refusal(const std::string& header, const std::string& data, uint64_t claimed = 0) {
    const uint64_t size = claimed ? claimed : header.size();
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &size, 8);
    return refusal_of(bytes + header + data);
  }
  std::string refusal_of(const std::string& bytes) {
    write_file(file_, bytes);
    try {
      SafetensorsFile::open(file_);
    } catch (const Error& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find(file_.string()), std::string::npos) << text;
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      return text;
    }
    return "accepted";
  }

  test::TemporaryFolder temporary_;
  fs::path folder_ = temporary_.path();
  fs::path file_ = folder_ / "t.safetensors";
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(Safetensors, WhatIsWrittenIsRead) {
  const std::vector<float> a{1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> b{7};
  write_safetensors(file_,
                    {{"a", DType::kF32, {2, 3}, reinterpret_cast<const std::byte*>(a.data()), 24},
                     {"b", DType::kI64, {}, reinterpret_cast<const std::byte*>(b.data()), 8},
                     {"none", DType::kF32, {0, 4}, nullptr, 0}},
                    {{"format", "pt"}});
  const auto file = SafetensorsFile::open(file_);
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.find("a")->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.find("a")->data, a.data(), 24), 0);
  EXPECT_EQ(file.find("none")->bytes, 0u);
  EXPECT_EQ(file.find("c"), nullptr);
}

TEST_F(Safetensors, BrokenFilesAreRefused) {
  EXPECT_SAYS(refusal_of("abc"), "too short");
  EXPECT_SAYS(refusal("{}", "", uint64_t{1} << 63), "the header claims 9223372036854775808");
  EXPECT_SAYS(refusal("{}", "", 50), "is the download complete?");
  EXPECT_SAYS(refusal("{\"a\":", ""), "not valid JSON");
  EXPECT_SAYS(refusal("[]", ""), "not a JSON object");
  EXPECT_SAYS(refusal(std::string(2'000'000, '['), ""), "nested deeper");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}})", "1234"), "unknown dtype");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234"), "another number of bytes");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "12"), "outside the file");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", "12345678"), "outside the file");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"), "integers");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "1234"), "integers");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"), "'data_offsets' is missing");
  EXPECT_SAYS(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                      "123456"),
              "overlap");
  EXPECT_SAYS(
      refusal(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}})", "1234"),
      "another number of bytes");
  EXPECT_SAYS(refusal(R"({"__metadata__":{"k":1}})", ""), "is not text");
}

TEST_F(Safetensors, AHeaderOverTheLimitIsRefusedWithoutReadingIt) {
  EXPECT_SAYS(refusal("{}" + std::string(1000, ' '), "", 100'000'001), "at most 100000000");
}

TEST_F(Safetensors, FoldersAndMissingFilesAreRefused) {
  fs::create_directories(folder_);
  EXPECT_THROW(SafetensorsFile::open(folder_), Error);
  EXPECT_THROW(SafetensorsFile::open(folder_ / "missing.safetensors"), Error);
}

}  // namespace
}  // namespace fourm
