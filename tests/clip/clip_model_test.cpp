#include "fourm/clip/clip_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/clip/contrast.h"
#include "fourm/clip/image_text.h"
#include "fourm/core/json.h"
#include "fourm/kernels/precision_scope.h"
#include "fourm/tokenizer/image_batch.h"
#include "tests/support/compare.h"
#include "tests/support/damage.h"
#include "tests/support/described_images.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

Tensor unit_rows(int64_t n, int64_t width, uint64_t seed) {
  Random random(seed);
  const Tensor rows = at::empty({n, width});
  for (int64_t i = 0; i < rows.numel(); ++i) rows.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return rows / rows.norm(2, {1}, true);
}

class ClipModelTest : public testing::Test {
 protected:
  void SetUp() override { test::write_described_discs(root, 12); }
  ClipModel fresh() const { return ClipModel::create(config, root / "text.json", 3); }
  static Tensor batch(int count) {
    std::vector<StoredImage> images;
    std::vector<const StoredImage*> pointers;
    for (int i = 0; i < count; ++i) images.emplace_back(test::described_disc(i).image);
    for (const auto& p : images) pointers.push_back(&p);
    return image_batch({}, pointers);
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
  ClipConfig config = test::small_clip();
};

TEST(Contrast, LossIsThatOfAPlainComputation) {
  const Tensor images = unit_rows(5, 7, 1), texts = unit_rows(5, 7, 2);
  const std::vector<int64_t> groups{0, 1, 0, 2, 1};
  const double scale = 9;
  const auto logit = [&](int i, int j) { return scale * images[i].dot(texts[j]).item<double>(); };
  double expected = 0;
  for (const bool by_image : {true, false})
    for (int i = 0; i < 5; ++i) {
      double sum = 0, fitting = 0, mean = 0;
      for (int j = 0; j < 5; ++j) {
        const double value = by_image ? logit(i, j) : logit(j, i);
        sum += std::exp(value);
        if (groups[i] == groups[j]) mean += value, fitting += 1;
      }
      expected += (std::log(sum) - mean / fitting) / 10;
    }
  EXPECT_NEAR(contrastive_loss(images, texts, at::full({1}, scale), groups).item<double>(), expected, 1e-5);
}

TEST(Contrast, LossStaysExactWhereProductsAreNarrow) {
  const Tensor images = unit_rows(6, 16, 1), texts = unit_rows(6, 16, 2), scale = at::full({1}, 100);
  const std::vector<int64_t> groups{0, 1, 2, 3, 4, 5};
  const Tensor expected = contrastive_loss(images, texts, scale, groups);
  const PrecisionScope narrow(Precision::kBf16);
  EXPECT_TRUE(contrastive_loss(images, texts, scale, groups).equal(expected));
}

TEST(Contrast, EqualTextsFitEachOthersImages) {
  EXPECT_EQ(groups_of({"a", "b", "a", "c", "b"}), (std::vector<int64_t>{0, 1, 0, 2, 1}));
  // Images and texts of two kinds, at right angles: with the groups said no loss is left but the choice within them.
  const Tensor rows = at::eye(2).index_select(0, at::tensor({0, 0, 1, 1}, at::kLong));
  const double loss = contrastive_loss(rows, rows, at::full({1}, 100), {0, 0, 1, 1}).item<double>();
  EXPECT_NEAR(loss, std::log(2), 1e-5);
}

TEST(Contrast, RecallCountsQueriesWhoseOwnIsNear) {
  // Text 2 points where image 0 is; 1 is right; texts 0 and 2 are one group.
  const Tensor images = at::eye(3), texts = at::eye(3).index_select(0, at::tensor({1, 1, 0}, at::kLong));
  auto apart = retrieval(images, texts, {0, 1, 2});
  EXPECT_NEAR(apart["text_at_1"], 0, 1e-9);  // texts 0 and 1 tie for image 1: the wrong one comes first
  EXPECT_NEAR(apart["text_at_5"], 1, 1e-9);
  EXPECT_NEAR(apart["image_at_1"], 1 / 3.0, 1e-9);
  auto grouped = retrieval(images, texts, {0, 1, 0});
  EXPECT_NEAR(grouped["text_at_1"], 1 / 3.0, 1e-9);
  EXPECT_NEAR(grouped["image_at_1"], 2 / 3.0, 1e-9);
}

TEST_F(ClipModelTest, AImageStandsAtTheMeanOfItsPatches) {
  const ClipModel model = fresh();
  const Tensor patches = model.patch_features(batch(3)), whole = model.embed_images(batch(3));
  EXPECT_EQ(patches.sizes(), (std::vector<int64_t>{3, 12, 4, 4}));
  EXPECT_TRUE(at::allclose(whole.norm(2, {1}), at::ones({3})));
  EXPECT_TRUE(at::allclose(at::cosine_similarity(patches.mean({2, 3}), whole), at::ones({3}), 1e-4, 1e-5));
}

TEST_F(ClipModelTest, TextsDoNotSeeTheirNeighbours) {
  const ClipModel model = fresh();
  const std::string longest = "a red disc on the left of a green disc on the right of a blue disc";
  const Tensor together = model.embed_texts({"a red disc", "", longest});
  EXPECT_TRUE(at::allclose(together[0], model.embed_texts({"a red disc"})[0], 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(together[2], model.embed_texts({longest + " and so on"})[0], 1e-4, 1e-5));  // cut alike
  EXPECT_TRUE(at::allclose(together.norm(2, {1}), at::ones({3})));  // even the empty one
  EXPECT_FALSE(at::allclose(model.embed_texts({"red on green"}), model.embed_texts({"green on red"}), 1e-2, 1e-3));
}

TEST_F(ClipModelTest, EveryWeightLearns) {
  ClipModel model = fresh();
  model.parameters().make_trainable();
  std::vector<std::string> texts;
  for (int i = 0; i < 8; ++i) texts.push_back(test::described_disc(i).captions.back());
  contrastive_loss(model.embed_images(batch(8)), model.embed_texts(texts), model.scale(), groups_of(texts)).backward();
  for (const auto& entry : model.parameters().entries()) {
    if (!entry.is_parameter) continue;
    ASSERT_TRUE(entry.value.grad().defined()) << entry.name;
    EXPECT_GT(entry.value.grad().abs().max().item<double>(), 0) << entry.name;
  }
}

TEST_F(ClipModelTest, TheScaleHasALimit) {
  ClipModel model = fresh();
  EXPECT_NEAR(model.scale().item<double>(), 1 / 0.07, 1e-3);
  model.parameters().find("logit_scale").fill_(7);
  EXPECT_NEAR(model.scale().item<double>(), 100, 1e-3);
}

TEST_F(ClipModelTest, SavedAndOpenedAndSavedIsTheSame) {
  const ClipModel model = fresh();
  model.save(root / "once");
  const ClipModel opened = ClipModel::open(root / "once");
  opened.save(root / "twice");
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"})
    EXPECT_EQ(read_file(root / "once" / name), read_file(root / "twice" / name)) << name;
  EXPECT_TRUE(opened.embed_texts({"a blue disc"}).equal(model.embed_texts({"a blue disc"})));
  EXPECT_TRUE(opened.embed_images(batch(2)).equal(model.embed_images(batch(2))));
}

TEST_F(ClipModelTest, SavedAgainInAnyDtypeItLoads) {
  const ClipModel model = fresh();
  model.save(root / "again");
  const auto tensors = test::read_all(root / "again/model.safetensors");
  for (const auto type : {at::kHalf, at::kBFloat16, at::kDouble}) {
    NamedTensors again;
    for (const auto& [name, value] : tensors) again.emplace_back(name, value.to(type));
    save_tensors(root / "again/model.safetensors", again);
    for (const Compute& compute : {Compute{}, Compute::for_inference()}) {
      const ClipModel opened = ClipModel::open(root / "again", compute);
      EXPECT_LE(test::largest_difference(opened.embed_texts({"a blue disc"}), model.embed_texts({"a blue disc"})),
                0.02);
      EXPECT_LE(test::largest_difference(opened.embed_images(batch(2)), model.embed_images(batch(2))), 0.02);
    }
  }
  NamedTensors wrapped;
  for (const auto& [name, value] : tensors) wrapped.emplace_back("module." + name, value);
  save_tensors(root / "again/model.safetensors", wrapped);
  try {
    ClipModel::open(root / "again");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("DistributedDataParallel"), std::string::npos) << error.what();
  }
}

TEST_F(ClipModelTest, BrokenFoldersAreRefusedInOneLine) {
  fresh().save(root / "model");
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const fs::path file = root / "model" / name;
    const std::string valid = read_file(file);
    test::expect_refusals(valid, 60, [&](const std::string& bytes) {
      write_file(file, bytes);
      ClipModel::open(root / "model").embed_texts({"a red disc"});
    });
    fs::remove(file);
    EXPECT_THROW(ClipModel::open(root / "model"), Error) << name;
    write_file(file, valid);
  }
  EXPECT_THROW(ClipModel::open(root / "rgb"), Error);
  EXPECT_THROW(ClipModel::open(root / "nowhere"), Error);
}

TEST_F(ClipModelTest, ConfigsThatCannotBeAreRefused) {
  const auto refuses = [&](const char* key, double value) {
    fresh().save(root / "model");
    Json json = read_json(root / "model/config.json");
    json[key] = value;
    write_json(root / "model/config.json", json);
    try {
      ClipModel::open(root / "model");
      ADD_FAILURE() << key << " " << value << " was taken";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  };
  refuses("patch_size", 7);
  refuses("patch_size", 0);
  refuses("image_heads", 3);
  refuses("text_width", -4);
  refuses("mlp_ratio", 0);
  refuses("max_tokens", 0);
  refuses("depth_of_field", 1);
}

TEST_F(ClipModelTest, UsersGetTheSameNumbersInAnyBatch) {
  fresh().save(root / "model");
  const ClipModel model = ClipModel::open(root / "model");
  const ImageText users = ImageText::open(root / "model");
  std::vector<StoredImage> images;
  for (int i = 0; i < 70; ++i) images.emplace_back(test::described_disc(i % 12).image);
  const auto embeddings = users.embed(images);
  const auto features = users.features(images);
  ASSERT_EQ(embeddings.size(), 70);
  ASSERT_EQ(features.size(), 70);
  const Tensor expected = model.embed_images(batch(12)), maps = model.patch_features(batch(12));
  for (int64_t i = 0; i < 70; ++i) {
    EXPECT_TRUE(at::allclose(at::tensor(embeddings[i]), expected[i % 12], 1e-3, 1e-4)) << i;
    EXPECT_EQ(features[i].shape, (std::vector<int64_t>{12, 4, 4}));
    EXPECT_TRUE(at::allclose(at::tensor(npy_floats(features[i])).view({12, 4, 4}), maps[i % 12], 1e-2, 1e-2)) << i;
  }
  EXPECT_NEAR(similarity(embeddings[0], embeddings[0]), 1, 1e-5);
  EXPECT_NEAR(users.embed({"a red disc"})[0][3], model.embed_texts({"a red disc"})[0][3].item<double>(), 1e-4);
}

}  // namespace
}  // namespace fourm
