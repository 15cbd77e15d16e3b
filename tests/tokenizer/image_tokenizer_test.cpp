#include "fourm/tokenizer/image_tokenizer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "fourm/core/error.h"
#include "tests/support/small_tokenizers.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

ImageTokenizer tokenizer_of(const TokenizerConfig& config) {
  return ImageTokenizer(std::make_shared<const Tokenizer>(Tokenizer::create(config, 1)));
}

NpyArray array_of(const std::vector<int64_t>& shape) {
  std::vector<int64_t> ids(std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i % 16);
  return npy_from_integers(ids, shape, "i2");
}

struct Shape {
  std::vector<int64_t> file;
  size_t crops;
  int height, width;
};

void expect_shapes(const ImageTokenizer& tokenizer, const std::vector<Shape>& shapes) {
  for (const auto& [file, crops, height, width] : shapes) {
    const NpyArray array = array_of(file);
    const std::string name = testing::PrintToString(file);
    const auto maps = tokenizer.token_maps(array, name);
    ASSERT_EQ(maps.size(), crops) << name;
    std::vector<int64_t> joined;
    for (const TokenMap& map : maps) {
      EXPECT_EQ(map.codebooks, tokenizer.config().num_codebooks);
      EXPECT_EQ(map.height, height) << name;
      EXPECT_EQ(map.width, width) << name;
      joined.insert(joined.end(), map.tokens.begin(), map.tokens.end());
    }
    EXPECT_EQ(joined, npy_integers(array, name));
    EXPECT_EQ(tokenizer.decode(maps).size(), crops);
  }
}

void expect_refused(const ImageTokenizer& tokenizer, const std::vector<int64_t>& shape, const std::string& part) {
  try {
    tokenizer.token_maps(array_of(shape), "x.npy");
    ADD_FAILURE() << testing::PrintToString(shape);
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("x.npy: ")) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

// A kind given as the name has no size, so that the size in the path stays.
TEST(ImageTokenizer, TheImageSizeIsThatOfTheNameThenOfThePath) {
  const test::TemporaryFolder root;
  const auto size = [&](const char* folder, const std::string& name) {
    Tokenizer::create(test::small_image_tokenizer(), 1).save(root / folder);
    return ImageTokenizer::open(root / folder, {}, name).image_size();
  };
  EXPECT_EQ(size("tok_rgb@64", "rgb"), 64);
  EXPECT_EQ(size("tok_rgb@64", ""), 64);
  EXPECT_EQ(size("tok_rgb@64", "tok_rgb@128"), 128);
  EXPECT_EQ(size("tok_rgb@64/model", "rgb"), 64);
  EXPECT_EQ(size("own", "rgb"), 32) << "that of the config";
}

TEST(ImageTokenizer, GenericNamesOfWeightFilesAreThoseOfTheirFolder) {
  for (const char* path : {"x/tok_rgb@64", "x/tok_rgb@64/", "x/tok_rgb@64/model.safetensors", "x/tok_rgb@64/model/",
                           "x/tok_rgb@64/pytorch_model.bin", "x/tok_rgb@64.pth", "x/tok_rgb@64.SAFETENSORS",
                           "x/tok_rgb@64/snapshots/0123abc"})
    EXPECT_EQ(name_in_path(path), "tok_rgb@64") << path;
}

TEST(TokenFiles, ShapesOfOneCodebook) {
  const ImageTokenizer tokenizer = tokenizer_of(test::small_image_tokenizer());  // 4 x 4 tokens
  expect_shapes(tokenizer, {{{16}, 1, 4, 4},
                            {{1, 16}, 1, 4, 4},
                            {{3, 16}, 3, 4, 4},
                            {{4, 4}, 1, 4, 4},
                            {{1, 64}, 1, 8, 8},
                            {{5, 64}, 5, 8, 8},
                            {{36}, 1, 6, 6},
                            {{2, 8}, 1, 2, 8},
                            {{6, 5}, 1, 6, 5},
                            {{1, 4, 4}, 1, 4, 4},
                            {{1, 3, 9}, 1, 3, 9},
                            {{2, 9, 9}, 2, 9, 9}});
  expect_refused(tokenizer, {9, 9}, "[1, 9, 9] if it is a grid");
  expect_refused(tokenizer, {3, 9}, "may be 3 crops or one grid");
  expect_refused(tokenizer, {15}, "15 tokens do not fit");
  expect_refused(tokenizer, {1, 15}, "15 tokens do not fit");
  expect_refused(tokenizer, {0}, "expected integers");
  expect_refused(tokenizer, {}, "expected integers");
  expect_shapes(tokenizer, {{{3, 1, 4, 4}, 3, 4, 4}});
  expect_refused(tokenizer, {1, 2, 4, 4}, "do not fit");
  expect_refused(tokenizer, {1, 1, 1, 4, 4}, "5 dimensions");
  EXPECT_THROW(tokenizer.token_maps(npy_from_floats({1, 2, 3, 4}, {4}), "x.npy"), Error);
}

TEST(TokenFiles, ShapesOfSeveralCodebooks) {
  expect_shapes(tokenizer_of(test::small_vector_tokenizer(3)), {{{3}, 1, 1, 1},
                                                                {{1, 3}, 1, 1, 1},
                                                                {{5, 3}, 5, 1, 1},
                                                                {{12}, 1, 2, 2},
                                                                {{3, 12}, 3, 2, 2},
                                                                {{3, 1, 1}, 1, 1, 1},
                                                                {{3, 2, 5}, 1, 2, 5},
                                                                {{4, 3, 2, 5}, 4, 2, 5}});
  for (const auto& shape : {std::vector<int64_t>{4}, {3, 4}, {2, 3, 3}, {3, 2, 2, 2}})
    expect_refused(tokenizer_of(test::small_vector_tokenizer(3)), shape, "do not fit");
}

TEST(TokenFiles, WhatIsWrittenIsReadBack) {
  for (const int64_t codebooks : {1, 4})
    for (const auto& [height, width] : {std::pair{1, 1}, {4, 4}, {2, 3}, {1, 16}, {9, 4}}) {
      const ImageTokenizer tokenizer =
          tokenizer_of(codebooks == 1 ? test::small_image_tokenizer() : test::small_vector_tokenizer(codebooks));
      TokenMap map{static_cast<int>(codebooks), height, width, {}};
      for (int64_t i = 0; i < codebooks * height * width; ++i) map.tokens.push_back(i % 16);
      const NpyArray file = tokenizer.token_file(map);
      EXPECT_EQ(file.shape.size() == 1, height == width);
      EXPECT_EQ(file.dtype, "i2");
      EXPECT_EQ(tokenizer.token_maps(file, "x.npy"), std::vector{map});
      if (height == width) {
        EXPECT_EQ(tokenizer.square_map(map.tokens), map);
      }
    }
}

}  // namespace
}  // namespace fourm
