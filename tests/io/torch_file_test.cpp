// Checkpoints of PyTorch: one written by it, and one broken file a rule.
#include "fourm/io/torch_file.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstring>

#include "fourm/core/error.h"
#include "fourm/io/pickle.h"
#include "fourm/io/weights.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/torch_archive.h"

namespace fourm {
namespace {

using test::pickle_dict, test::pickle_of, test::pickle_tensor, test::pickle_text, test::zip_of;

const fs::path kFixtures = fs::path(FOURM_SOURCE_DIR) / "tests" / "fixtures" / "torch";

template <class T>
std::vector<T> values(const SafetensorsFile& file, const std::string& name) {
  const StoredTensor* t = file.find(name);
  EXPECT_NE(t, nullptr) << name;
  if (!t) return {};
  std::vector<T> out(t->bytes / sizeof(T));
  if (t->bytes) std::memcpy(out.data(), t->data, t->bytes);
  return out;
}

class TorchFile : public testing::Test {
 protected:
  std::string refusal_of(const std::string& bytes) {
    write_file(file_, bytes);
    try {
      open_weights(file_);
    } catch (const Error& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find(file_.string()), std::string::npos) << text;
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      return text;
    }
    return "accepted";
  }
  std::string refusal_of_pickle(const std::string& pickle) {
    return refusal_of(zip_of({{"a/data.pkl", pickle}, {"a/data/0", std::string(16, '\0')}}));
  }
  // A tensor over a storage of four floats.
  std::string refusal_of_tensor(int64_t offset, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                                const std::string& storage = "FloatStorage", const std::string& key = "0") {
    return refusal_of_pickle(
        pickle_of(pickle_dict(pickle_text("w") + pickle_tensor(storage, key, 4, offset, shape, strides))));
  }

  test::TemporaryFolder temporary_;
  fs::path folder_ = temporary_.path();
  fs::path file_ = folder_ / "t.pth";
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(TorchFile, WhatPyTorchWroteIsRead) {
  const auto file = open_weights(kFixtures / "state_dict.pth");
  EXPECT_EQ(file.tensors().size(), 17u);
  const std::vector<float> base = values<float>(file, "f32");
  ASSERT_EQ(base.size(), 24u);
  for (int i = 0; i < 24; ++i) EXPECT_EQ(base[i], i);
  EXPECT_EQ(file.find("f32")->shape, (std::vector<int64_t>{4, 6}));
  EXPECT_EQ(values<uint16_t>(file, "f16"), (std::vector<uint16_t>{0x3e00, 0xc000}));
  EXPECT_EQ(values<uint16_t>(file, "bf16"), (std::vector<uint16_t>{0x3fc0, 0xc000}));
  EXPECT_EQ(file.find("bf16")->dtype, DType::kBF16);
  EXPECT_EQ(values<double>(file, "f64"), std::vector<double>{0.1});
  EXPECT_EQ(values<int64_t>(file, "i64"), (std::vector<int64_t>{int64_t{1} << 40, -1}));
  EXPECT_EQ(values<int32_t>(file, "i32"), std::vector<int32_t>{-5});
  EXPECT_EQ(values<int16_t>(file, "i16"), std::vector<int16_t>{300});
  EXPECT_EQ(values<int8_t>(file, "i8"), std::vector<int8_t>{-7});
  EXPECT_EQ(values<uint8_t>(file, "u8"), std::vector<uint8_t>{250});
  EXPECT_EQ(values<uint8_t>(file, "bool"), (std::vector<uint8_t>{1, 0}));
  EXPECT_EQ(values<float>(file, "parameter"), (std::vector<float>{0.5, -1.25, 3}));
  EXPECT_TRUE(file.find("scalar")->shape.empty());
  EXPECT_EQ(values<float>(file, "scalar"), std::vector<float>{2.5});
  EXPECT_EQ(file.find("empty")->shape, (std::vector<int64_t>{0, 3}));
}

TEST_F(TorchFile, StridesAndSharedStorages) {
  const auto file = open_weights(kFixtures / "state_dict.pth");
  const std::vector<float> transposed = values<float>(file, "transposed");
  ASSERT_EQ(file.find("transposed")->shape, (std::vector<int64_t>{6, 4}));
  for (int i = 0; i < 24; ++i) EXPECT_EQ(transposed[i], i % 4 * 6 + i / 4);
  EXPECT_EQ(values<float>(file, "slice"), (std::vector<float>{7, 8, 9, 13, 14, 15}));
  EXPECT_EQ(file.find("tied_a")->data, file.find("tied_b")->data);
}

TEST_F(TorchFile, ArgumentsBecomeMetadataAndTheRestIsLeft) {
  const auto file = open_weights(kFixtures / "tokenizer.pth");
  const auto expected = SafetensorsFile::open(kFixtures / "tokenizer.safetensors");
  ASSERT_EQ(file.tensors().size(), expected.tensors().size());
  for (const auto& t : expected.tensors()) EXPECT_EQ(values<float>(file, t.name), values<float>(expected, t.name));
  EXPECT_EQ(file.metadata().at("encoder_type"), "BottleneckMLP/B_1-Wi_8");
  EXPECT_EQ(file.metadata().at("input_size"), "None");
  EXPECT_EQ(file.metadata().at("norm_codes"), "True");
  EXPECT_EQ(file.metadata().at("codebook_size"), "8");
  EXPECT_FALSE(file.metadata().contains("device"));  // an object
}

TEST_F(TorchFile, SettingsThatGrowWithoutEndAreLeft) {
  // A list of a thousand of one list, of which each holds a thousand of one, six deep: 10^18 entries to print.
  std::string lists = pickle_text("x") + "q\x01" + "0";
  for (char level = 1; level < 7; ++level) {
    lists += "](";
    for (int i = 0; i < 1000; ++i) lists += std::string("h") + level;
    lists += std::string("eq") + static_cast<char>(level + 1) + "0";
  }
  write_file(
      file_,
      zip_of(
          {{"a/data.pkl",
            pickle_of(lists + pickle_dict(pickle_text("args") +
                                          pickle_dict(pickle_text("long") + "h\x07" + pickle_text("short") + "h\x01") +
                                          pickle_text("w") + pickle_tensor("FloatStorage", "0", 4, 0, {4}, {1})))},
           {"a/data/0", std::string(16, '\0')}}));
  const auto file = open_weights(file_);
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"short", "x"}}));
}

TEST_F(TorchFile, AFolderHoldsEitherFile) {
  make_folder(folder_);
  fs::copy_file(kFixtures / "state_dict.pth", folder_ / "pytorch_model.bin");
  EXPECT_EQ(open_weights(folder_).path(), folder_ / "pytorch_model.bin");
  fs::copy_file(kFixtures / "tokenizer.safetensors", folder_ / "model.safetensors");
  EXPECT_EQ(open_weights(folder_).path(), folder_ / "model.safetensors");
}

TEST_F(TorchFile, NothingIsCalled) {
  // A pickle that would run a command when it is loaded is data; here it is no dict of tensors.
  EXPECT_SAYS(refusal_of_pickle(pickle_of("cos\nsystem\n(" + pickle_text("false") + "tR")), "no dict of tensors");
  const auto pickle = Pickle::parse(pickle_of("cos\nsystem\n(" + pickle_text("true") + "tR"), "p");
  EXPECT_EQ(pickle.root().kind, PickleValue::kObject);
  EXPECT_EQ(pickle.root().text, "os.system");
}

TEST_F(TorchFile, BrokenPickles) {
  EXPECT_SAYS(refusal_of_pickle("\x80\x02}"), "is cut");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("}(" + std::string("X\xff\xff\xff\x7fshort"))), "is cut");
  EXPECT_SAYS(refusal_of_pickle("\x80\x09}."), "protocol");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("i")), "operation 0x69");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("")), "takes more values");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("}u")), "mark");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("}(" + pickle_text("w") + "u")), "without a value");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("h\x07")), "recalls");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("\x8a\x20" + std::string(32, '\x01'))), "64 bits");
  EXPECT_SAYS(refusal_of_pickle("\x80\x02" + std::string(1'100'000, ']') + "."), "a million");
  // Deep nesting costs no stack: lists in each other, as many as may be.
  std::string deep = "]";
  for (int i = 0; i < 500'000; ++i) deep += "]";
  for (int i = 0; i < 500'000; ++i) deep += "a";
  EXPECT_SAYS(refusal_of_pickle(pickle_of(deep)), "no dict of tensors");
  EXPECT_SAYS(refusal_of_pickle(pickle_of("}q\x01(" + pickle_text("model") + "h\x01u")), "holds no tensors");
}

TEST_F(TorchFile, TensorsThatDoNotFitTheirStorage) {
  EXPECT_EQ(refusal_of_tensor(0, {2, 2}, {2, 1}), "accepted");
  EXPECT_SAYS(refusal_of_tensor(1, {2, 2}, {2, 1}), "beyond its storage of 4");
  EXPECT_SAYS(refusal_of_tensor(0, {2, 2}, {3, 1}), "beyond its storage");
  EXPECT_SAYS(refusal_of_tensor(0, {int64_t{1} << 40, int64_t{1} << 40}, {0, 0}), "beyond its storage");
  EXPECT_SAYS(refusal_of_tensor(0, {int64_t{1} << 40}, {0}), "repeats");
  EXPECT_SAYS(refusal_of_tensor(-1, {1}, {1}), "beyond its storage");
  EXPECT_SAYS(refusal_of_tensor(0, {-2}, {1}), "not integers");
  EXPECT_SAYS(refusal_of_tensor(0, {2}, {1, 1}), "2 strides");
  EXPECT_SAYS(refusal_of_tensor(0, {2}, {1}, "ComplexFloatStorage"), "not read");
  EXPECT_SAYS(refusal_of_tensor(0, {2}, {1}, "FloatStorage", "7"), "not in the file");
}

TEST_F(TorchFile, BrokenArchives) {
  const std::string whole = read_file(kFixtures / "state_dict.pth");
  for (const size_t kept : {size_t{5}, size_t{40}, whole.size() / 2, whole.size() - 1})
    EXPECT_SAYS(refusal_of(whole.substr(0, kept)), "broken or cut");
  EXPECT_SAYS(refusal_of(zip_of({{"a/other", "x"}})), "not one of PyTorch");
  EXPECT_SAYS(refusal_of(zip_of({{"a/data.pkl", "x"}, {"a/data.pkl", "y"}})), "there twice");
  EXPECT_SAYS(refusal_of(zip_of({{"a/data.pkl", pickle_of("}")}, {"a/byteorder", "big"}})), "big-endian");
  EXPECT_SAYS(refusal_of(read_file(kFixtures / "legacy.pth")), "before 1.6");
  // Any byte may be wrong: the file is refused in one line or read, never more.
  for (size_t at = 0; at < whole.size(); at += 29) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0xff);
    refusal_of(broken);
  }
}

}  // namespace
}  // namespace fourm
