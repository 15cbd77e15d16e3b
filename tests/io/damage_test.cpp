// Readers of files from anywhere meet hundreds of broken ones.
#include <unistd.h>

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/io/image.h"
#include "fourm/io/npy.h"
#include "fourm/io/safetensors.h"
#include "tests/support/damage.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(Damage, Safetensors) {
  const test::TemporaryFolder temporary;
  const fs::path file = temporary / "file";
  const std::vector<float> values(24, 0.5f);
  const auto* data = reinterpret_cast<const std::byte*>(values.data());
  write_safetensors(file,
                    {{"first.weight", DType::kF32, {2, 3}, data, 24},
                     {"second", DType::kF16, {4, 2}, data, 16},
                     {"third", DType::kI64, {}, data, 8}},
                    {{"format", "pt"}});
  test::expect_refusals(read_file(file), 150, [&](const std::string& bytes) {
    write_file(file, bytes);
    const auto read = SafetensorsFile::open(file);
    unsigned sum = 0;  // every byte that is promised is there
    for (const auto& t : read.tensors())
      for (size_t i = 0; i < t.bytes; ++i) sum += static_cast<unsigned>(t.data[i]);
    EXPECT_LE(sum, 255 * bytes.size());
  });
  fs::remove(file);
}

TEST(Damage, Npy) {
  test::expect_refusals(encode_npy(npy_from_integers({1, 2, 3, 4, 5, 6}, {2, 3}, "i4")), 1000,
                        [](const std::string& bytes) {
                          const NpyArray array = decode_npy(bytes, "x");
                          EXPECT_EQ(npy_floats(array).size(), static_cast<size_t>(array.count()));
                        });
}

TEST(Damage, Json) {
  const std::string text =
      R"({"a": [1, -2.5e3, true, null, {"b": "text \u00e9 \n"}], "c": {"d": [[], {}]}, "e": 18446744073709551615})";
  test::expect_refusals(text, 2000, [](const std::string& bytes) {
    parse_json(bytes, "x");
    parse_table(bytes, "x");
  });
}

TEST(Damage, Yaml) {
  const std::string text =
      "a: [1, 2.5, {b: 'x'}]\nc: &y\n  - d: \"q\\n\"\n  - *y\n? e\n: |\n  lines\n  of text\nf: ~\n";
  test::expect_refusals(text, 2000, [](const std::string& bytes) { parse_yaml(bytes, "x"); });
}

TEST(Damage, LabelsAndDepth) {
  Raster<uint16_t> depth(9, 7, 1);
  for (size_t i = 0; i < depth.pixels.size(); ++i) depth.pixels[i] = static_cast<uint16_t>(997 * i);
  test::expect_refusals(encode_png16(depth), 500, [](const std::string& bytes) { decode_png16(bytes, "x"); });
  const Raster<uint8_t> labels(9, 7, 1);
  test::expect_refusals(encode_label_png(labels, {{1, 2, 3}, {4, 5, 6}}), 500,
                        [](const std::string& bytes) { decode_labels(bytes, "x"); });
}

TEST(Damage, NestingOfAnyKindIsRefused) {
  const auto many = [](const std::string& part) {
    std::string text;
    for (int i = 0; i < 1'000'000; ++i) text += part;
    return text;
  };
  for (const char* part : {"[", "{\"a\":", "[{\"a\":", "]["}) EXPECT_THROW(parse_json(many(part), "x"), Error) << part;
  for (const char* part : {"[", "{a: ", "- ", "? ", "- ? ", "a: &b "})
    EXPECT_THROW(parse_yaml(many(part), "x"), Error) << part;
  EXPECT_THROW(parse_yaml("#" + many("]") + "\n" + many("["), "x"),
               Error);  // closing brackets of a comment count for nothing
}

}  // namespace
}  // namespace fourm
