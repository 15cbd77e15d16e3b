#include "fourm/clip/hugging_face_clip.h"

#include <gtest/gtest.h>

#include "fourm/clip/image_text.h"
#include "fourm/core/json.h"
#include "tests/support/compare.h"
#include "tests/support/damage.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

const fs::path kFixture = fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/clip";

std::vector<Image> images() { return {read_image(kFixture / "image0.png"), read_image(kFixture / "image1.png")}; }

std::vector<std::string> texts() {
  std::vector<std::string> texts;
  for (const auto& one : read_json(kFixture / "texts.json")) texts.push_back(one["text"]);
  return texts;
}

// A copy of the model of the fixture, to be changed.
class HuggingFaceFolder : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"config.json", "preprocessor_config.json", "vocab.json", "merges.txt", "model.safetensors"})
      fs::copy_file(kFixture / name, folder / name);
  }
  std::string refusal() const {
    return test::message_of([&] { HuggingFaceClip::open(folder.path(), Compute::for_inference()); });
  }
  void change(const char* file, const std::function<void(Json&)>& edit) const {
    Json json = read_json(folder / file);
    edit(json);
    write_json(folder / file, json);
  }
  void expect_refusal(const std::string& part) const {
    EXPECT_NE(refusal().find(part), std::string::npos) << refusal() << "\nexpected: " << part;
  }
  test::TemporaryFolder folder;
};

TEST(HuggingFaceClip, EmbeddingsAreThoseOfTransformers) {
  const InferenceGuard inference;
  const auto expected = test::read_all(kFixture / "expected.safetensors");
  for (const Compute& compute : {Compute::for_inference(), Compute::for_reference()}) {
    const HuggingFaceClip model = HuggingFaceClip::open(kFixture, compute);
    EXPECT_LE(test::largest_difference(model.embed_texts(texts()), expected.at("text_embeds")), 1e-5);
    EXPECT_LE(test::largest_difference(model.embed_images(images()), expected.at("image_embeds")), 1e-5);
    EXPECT_NEAR(model.scale(), std::exp(2.5), 1e-5);
  }
}

TEST(HuggingFaceClip, PixelsAreThoseOfTransformers) {
  const HuggingFaceClip model = HuggingFaceClip::open(kFixture, Compute::for_inference());
  const Tensor found = model.pixels(images()),
               expected = test::read_all(kFixture / "expected.safetensors").at("pixels");
  EXPECT_EQ(found.sizes(), (std::vector<int64_t>{2, 3, 224, 224}));
  // Resized bytes are equal; what is left is the rounding of the standardisation.
  EXPECT_LE(test::largest_difference(found.slice(2, 0, 224, 8).slice(3, 0, 224, 8), expected), 1e-6);
}

TEST(HuggingFaceClip, FeatureMapsAreThoseOfTheOriginal) {
  const InferenceGuard inference;
  const HuggingFaceClip model = HuggingFaceClip::open(kFixture, Compute::for_inference());
  const auto expected = test::read_all(kFixture / "expected.safetensors");
  EXPECT_LE(test::largest_difference(model.feature_maps(images(), 224), expected.at("features")), 2e-5);
  EXPECT_LE(test::largest_difference(model.feature_maps({images()[0]}, 288)[0], expected.at("features_288")), 2e-5);
  EXPECT_THROW(model.feature_maps(images(), 225), Error);
}

TEST(HuggingFaceClip, OpensWhereImageTextModelsDo) {
  const ImageText model = ImageText::open(kFixture);
  EXPECT_EQ(model.image_size(), 224);
  const auto expected = test::read_all(kFixture / "expected.safetensors");
  const auto found = model.embed(std::vector<StoredImage>{images()[0]});
  EXPECT_LE(test::largest_difference(at::tensor(found[0]), expected.at("image_embeds")[0]), 1e-5);
  const NpyArray map = model.features(std::vector<StoredImage>{images()[0]}, 288)[0];
  EXPECT_EQ(map.shape, (std::vector<int64_t>{32, 18, 18}));
}

TEST_F(HuggingFaceFolder, OtherActivationsAndDefaultsAreRead) {
  change("config.json", [](Json& json) { json["text_config"]["hidden_act"] = "gelu"; });
  const InferenceGuard inference;
  const HuggingFaceClip one = HuggingFaceClip::open(kFixture, Compute::for_inference()),
                        other = HuggingFaceClip::open(folder.path(), Compute::for_inference());
  const double difference = test::largest_difference(one.embed_texts({"a cat"}), other.embed_texts({"a cat"}));
  EXPECT_GT(difference, 1e-4);
  EXPECT_LT(difference, 0.1) << "the two forms of GELU are near each other";
  EXPECT_TRUE(one.embed_images(images()).equal(other.embed_images(images())));
  change("config.json", [](Json& json) {
    json["text_config"]["hidden_act"] = "quick_gelu";
    for (const char* key : {"layer_norm_eps", "hidden_act"}) json["vision_config"].erase(key);
  });
  EXPECT_TRUE(HuggingFaceClip::open(folder.path(), Compute::for_inference())
                  .embed_images(images())
                  .equal(one.embed_images(images())));
}

TEST_F(HuggingFaceFolder, MissingTensorsAndWrongShapesAreNamed) {
  auto tensors = test::read_all(folder / "model.safetensors");
  const auto save = [&](const std::string& without, const std::string& cut) {
    NamedTensors list;
    for (const auto& [name, value] : tensors)
      if (name != without) list.emplace_back(name, name == cut ? value.slice(0, 1).contiguous() : value);
    save_tensors(folder / "model.safetensors", list);
  };
  const std::string key = "text_model.encoder.layers.1.self_attn.k_proj.bias";
  save(key, "vision_model.embeddings.patch_embedding.weight");
  expect_refusal(key + " is missing, expected [64]");
  expect_refusal("vision_model.embeddings.patch_embedding.weight has shape [63, 3, 16, 16], expected [64, 3, 16, 16]");
  fs::remove(folder / "model.safetensors");
  expect_refusal("model.safetensors");
}

TEST_F(HuggingFaceFolder, ConfigsThatCannotBeAreRefused) {
  const std::string valid = read_file(folder / "config.json");
  const auto refuses = [&](const char* part, const char* key, const Json& value) {
    change("config.json", [&](Json& json) { (*part ? json[part] : json)[key] = value; });
    expect_refusal(key);
    write_file(folder / "config.json", valid);
  };
  refuses("", "model_type", "siglip");
  refuses("", "projection_dim", 0);
  refuses("", "text_config", 5);
  refuses("vision_config", "patch_size", 15);
  refuses("vision_config", "num_channels", 4);
  refuses("vision_config", "num_attention_heads", 5);
  refuses("text_config", "hidden_act", "relu");
  refuses("text_config", "layer_norm_eps", -1);
  refuses("text_config", "max_position_embeddings", 1);
  refuses("text_config", "vocab_size", 100);
  change("preprocessor_config.json", [](Json& json) { json["crop_size"] = 336; });
  expect_refusal("'crop_size' is not the 224 pixels");
  change("preprocessor_config.json", [](Json& json) { json["crop_size"] = 224, json["image_std"] = {1, 0, 1}; });
  expect_refusal("image_std");
}

TEST_F(HuggingFaceFolder, DamagedFilesAreRefusedInOneLine) {
  for (const char* name : {"config.json", "preprocessor_config.json"}) {
    const std::string valid = read_file(folder / name);
    test::expect_refusals(valid, 40, [&](const std::string& bytes) {
      write_file(folder / name, bytes);
      HuggingFaceClip::open(folder.path(), Compute::for_inference()).embed_texts({"a cat"});
    });
    write_file(folder / name, valid);
  }
}

}  // namespace
}  // namespace fourm
