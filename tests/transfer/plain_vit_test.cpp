// Plain ViT checkpoints give the tokens that timm and Hugging Face compute (tests/transfer/plain_vit.py).
#include "fourm/transfer/plain_vit.h"

#include <gtest/gtest.h>

#include "fourm/transfer/transfer_model.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

const fs::path kFixtures = fs::path(FOURM_SOURCE_DIR) / "tests/fixtures/transfer";

TransferModel model_of(const fs::path& vit, int64_t size) {
  const EncoderPart part = encoder_part(vit, "", size);
  TransferConfig config;
  config.task = "classification";
  config.classes = {"a", "b"};
  config.input = part.input;
  config.encoder = part.config;
  TransferModel model = TransferModel::create(config, part.table, 1);
  model.take_weights(vit);
  return model;
}

TEST(PlainVit, TokensEqualTheTables) {
  const auto expected = SafetensorsFile::open(kFixtures / "vit_expected.safetensors");
  for (const auto& [file, images, tokens, size, heads] : {std::tuple{"vit_timm", "images", "timm", 0, 2},
                                                          {"vit_timm", "larger", "timm_larger", 40, 2},
                                                          {"vit_timm/model.safetensors", "images", "timm", 0, 2},
                                                          {"vit_mae.pth", "images", "mae", 0, 1},
                                                          {"vit_hf", "images", "hf", 0, 4}}) {
    const TransferModel model = model_of(kFixtures / file, size);
    EXPECT_EQ(model.config().encoder.num_heads, heads);
    EXPECT_EQ(model.config().encoder.num_register_tokens, 1);
    const Tensor truth = read_tensor(expected, tokens);
    const Tensor found = model.tokens(read_tensor(expected, images)).flatten(1, 2);
    EXPECT_GT(truth.abs().mean().item<double>(), 0.1);
    EXPECT_LT(test::largest_difference(found, truth), 2e-4) << tokens;
  }
}

TEST(PlainVit, ModelsAreSavedAndOpened) {
  const test::TemporaryFolder root;
  const auto images = read_tensor(SafetensorsFile::open(kFixtures / "vit_expected.safetensors"), "images");
  const TransferModel model = model_of(kFixtures / "vit_hf", 0);
  model.save(root / "model");
  EXPECT_EQ(test::largest_difference(TransferModel::open(root / "model").tokens(images), model.tokens(images)), 0);
}

TEST(PlainVit, OthersAreNamed) {
  EXPECT_TRUE(is_plain_vit(kFixtures / "vit_mae.pth"));
  EXPECT_FALSE(is_plain_vit(kFixtures / "convnext_head.safetensors"));
  EXPECT_FALSE(is_plain_vit(kFixtures));
  const test::TemporaryFolder root;
  const auto file = SafetensorsFile::open(kFixtures / "vit_timm/model.safetensors");
  const auto refused = [&](const std::string& name, const Tensor& replacement) {
    NamedTensors tensors;
    for (const auto& tensor : file.tensors())
      if (tensor.name != name) tensors.emplace_back(tensor.name, read_tensor(file, tensor.name));
    if (replacement.defined()) tensors.emplace_back(name, replacement);
    save_tensors(root / "vit.safetensors", tensors);
    return test::message_of([&] { PlainVit::open(root / "vit.safetensors"); });
  };
  EXPECT_EQ(refused("any", {}), "no error");
  for (const auto& [name, replacement, problem] :
       {std::tuple<const char*, Tensor, const char*>{"norm.weight", {}, "lacks norm.weight, which a plain ViT has"},
        {"blocks.0.attn.qkv.weight", at::zeros({3, 128}), "attn.qkv.weight is [3, 128]"},
        {"pos_embed", at::zeros({1, 8, 128}), "8 positions, which are no square grid"},
        {"pos_embed", at::zeros({10}), "pos_embed is [10]"},
        {"cls_token", at::zeros({1, 2, 128}), "cls_token is [1, 2, 128]"},
        {"patch_embed.proj.weight", at::zeros({128, 4, 8, 8}), "expected [width, 3, patch, patch]"},
        {"blocks.0.attn.relative_position_bias_table", at::zeros({4, 2}), "which no plain ViT has"},
        {"norm_pre.weight", at::zeros({128}), "has the tensor 'norm_pre.weight', which no plain ViT has"},
        {"blocks.0.mlp.fc1.weight", at::zeros({128}), "expected a matrix"}})
    EXPECT_NE(refused(name, replacement).find(problem), std::string::npos) << refused(name, replacement);
  write_file(root / "config.json", R"({"num_attention_heads": 3})");
  EXPECT_NE(refused("any", {}).find("num_heads"), std::string::npos) << refused("any", {});
}

}  // namespace
}  // namespace fourm
