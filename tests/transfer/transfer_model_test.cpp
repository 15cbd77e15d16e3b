// The encoder of a 4M under a head: the same features as in the 4M, other sizes, and files.
#include "fourm/transfer/transfer_model.h"

#include <gtest/gtest.h>

#include "fourm/model/model_file.h"
#include "fourm/nn/position.h"
#include "tests/support/captured_log.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class TransferModelTest : public testing::Test {
 protected:
  TransferModelTest() { test::write_small_model(root / "4m"); }

  TransferConfig config(const EncoderPart& part, const char* task = "classification") const {
    TransferConfig c;
    c.task = task;
    c.input = part.input;
    c.encoder = part.config;
    c.classes = {"a", "b", "c"};
    c.head.width = 4, c.head.upsampling = 2, c.head.depth = 1;
    return c;
  }
  TransferModel model(int64_t size, const char* task = "classification") const {
    const EncoderPart part = encoder_part(root / "4m", "", size);
    TransferModel made = TransferModel::create(config(part, task), part.table, 3);
    made.take_weights(root / "4m");
    return made;
  }

  test::CapturedLog log;
  test::TemporaryFolder root;
};

Tensor images(int64_t size) { return ((test::wave({2, size, size, 3}, 0.37) + 1) * 127).to(at::kByte); }

TEST_F(TransferModelTest, TokensAreThoseOfTheEncoder) {
  const EncoderModel encoder = load_encoder(root / "4m");
  const TransferModel transferred = model(32);
  const NoGradGuard no_grad;
  EncoderPacker packer(encoder.modalities());
  const Tensor mean = at::tensor({0.485, 0.456, 0.406}), deviation = at::tensor({0.229, 0.224, 0.225});
  for (int64_t b = 0; b < 2; ++b) {
    packer.begin_sample();
    const Tensor pixels = (images(32)[b].to(at::kDouble) / 255 - mean) / deviation;
    const Tensor patches = pixels.view({4, 8, 4, 8, 3}).permute({0, 2, 1, 3, 4}).reshape({16, 192}).to(at::kFloat);
    std::vector<int64_t> places(16);
    for (int64_t i = 0; i < 16; ++i) places[i] = i;
    packer.add_values("rgb@32", patches, places);
  }
  const Tensor expected = encoder.encoder(packer.finish()).out.view({2, 4, 4, 16});
  EXPECT_LT(test::largest_difference(transferred.tokens(images(32)), expected), 1e-4);
}

TEST_F(TransferModelTest, AnotherSizeHasPositionsOfItsOwn) {
  const TransferModel larger = model(48);
  EXPECT_LT(
      test::largest_difference(larger.parameters().find("encoder_embeddings.rgb@32.pos_emb")[0], sincos_2d(6, 6, 16)),
      1e-6);
  EXPECT_EQ(larger.tokens(images(48)).sizes(), (std::vector<int64_t>{2, 6, 6, 16}));
  EXPECT_EQ(test::message_of([&] { larger.tokens(images(32)); }).find("the model reads images of 48x48"), 0u);
  EXPECT_EQ(test::message_of([&] { model(44); }), "the model: image_size is 44, expected a multiple of patch_size (8)");
}

TEST_F(TransferModelTest, LearnedPositionsAreResized) {
  const std::string rows = "modalities:\n  rgb@32: {kind: pixels, image_size: 32, patch_size: 8, positions: learned}\n";
  ModalityTable table;
  table.extend(rows, "test");
  ModelConfig c;
  c.domains_in = {"rgb@32"};
  c.dim = 16, c.num_heads = 2, c.encoder_depth = c.decoder_depth = 1;
  FourM source = create_model(c, table, 5);
  const Tensor stored = source.parameters().find("encoder_embeddings.rgb@32.pos_emb");
  stored.copy_(at::arange(16, at::kFloat).view({1, 16, 1}).expand({1, 16, 16}));  // rises along rows and columns
  save_model(source, root / "learned");
  const EncoderPart part = encoder_part(root / "learned", "", 64);
  TransferModel larger = TransferModel::create(config(part), part.table, 3);
  larger.take_weights(root / "learned");
  const Tensor map = larger.parameters().find("encoder_embeddings.rgb@32.pos_emb")[0].select(1, 0).view({8, 8});
  EXPECT_NEAR(map.mean().item<double>(), 7.5, 0.2);
  EXPECT_TRUE((map.slice(1, 1) > map.slice(1, 0, 7)).slice(1, 1, 6).all().item<bool>());
  EXPECT_NEAR(map[3][3].item<double>(), 7.5 - 0.25 - 1, 0.3);
}

TEST_F(TransferModelTest, AStoredModelIsTheSame) {
  for (const char* task : {"classification", "semseg", "depth"}) {
    TransferModel made = model(32, task);
    const NoGradGuard no_grad;
    for (const auto& entry : made.parameters().entries())  // heads begin at zero
      if (entry.name.starts_with("head.")) entry.value.add_(test::wave(entry.value.sizes(), 0.7) / 5);
    made.save(root / task);
    EXPECT_TRUE(is_transfer_model(root / task));
    const Tensor expected = made(images(32));
    for (const Compute& compute : {Compute::for_training(), Compute::for_inference(), Compute::for_reference()})
      EXPECT_LT(test::largest_difference(TransferModel::open(root / task, compute)(images(32)), expected), 1e-4)
          << task;
    // Its encoder is a start too, and so is its head.
    TransferModel again = TransferModel::create(made.config(), encoder_part(root / task, "", 0).table, 8);
    again.take_weights(root / task);
    EXPECT_EQ(test::largest_difference(again(images(32)), expected), 0) << task;
    again = TransferModel::create(made.config(), encoder_part(root / task, "", 0).table, 8);
    again.take_weights(root / task, /*with_head=*/false);
    EXPECT_EQ(test::largest_difference(again.tokens(images(32)), made.tokens(images(32))), 0);
    EXPECT_GT(test::largest_difference(again(images(32)), expected), 1e-3);
  }
  EXPECT_FALSE(is_transfer_model(root / "4m"));
  EXPECT_NE(test::message_of([&] { TransferModel::open(root / "4m"); }).find("is not a model with a head"),
            std::string::npos);
}

TEST_F(TransferModelTest, WrongStartsAreNamed) {
  EXPECT_NE(test::message_of([&] {
              encoder_part(root / "4m", "rgb@64", 0);
            }).find("input is 'rgb@64', the encoder reads the pixels of rgb@32 (did you mean 'rgb@32'?)"),
            std::string::npos);
  EncoderPart part = encoder_part(root / "4m", "", 0);
  part.config.dim = 24;
  TransferModel wider = TransferModel::create(config(part), part.table, 3);
  EXPECT_NE(test::message_of([&] { wider.take_weights(root / "4m"); }).find("has another shape than in the model"),
            std::string::npos);
  part.config.dim = 16;
  part.config.encoder_depth = 2;
  TransferModel deeper = TransferModel::create(config(part), part.table, 3);
  EXPECT_NE(test::message_of([&] { deeper.take_weights(root / "4m"); }).find("lacks encoder.1."), std::string::npos);
}

}  // namespace
}  // namespace fourm
