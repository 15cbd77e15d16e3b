// Tokenizers from PyTorch checkpoints of the original's training.
#include <gtest/gtest.h>

#include "fourm/tokenizer/training_arguments.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/torch_archive.h"

namespace fourm {
namespace {

const fs::path kFixtures = fs::path(FOURM_SOURCE_DIR) / "tests" / "fixtures" / "torch";

TEST(TorchTokenizer, ArgumentsBecomeTheConfig) {
  const Tokenizer tokenizer = Tokenizer::open(kFixtures / "tokenizer.pth");
  const TokenizerConfig& c = tokenizer.config();
  EXPECT_EQ(c.enc_type, "BottleneckMLP/B_1-Wi_8");
  EXPECT_EQ(c.dec_type, "BottleneckMLP/B_1-Wi_8");
  EXPECT_EQ(c.image_size, 56);
  EXPECT_EQ(c.n_channels, 6);
  EXPECT_EQ(c.codebook_size, 8);
  EXPECT_EQ(c.num_codebooks, 2);
  EXPECT_DOUBLE_EQ(c.ema_decay, 0.95);
  EXPECT_FALSE(c.patch_proj);  // the domain is a feature map
  const auto expected = SafetensorsFile::open(kFixtures / "tokenizer.safetensors");
  for (const auto& entry : tokenizer.parameters().entries())
    EXPECT_TRUE(at::equal(entry.value, read_tensor(expected, entry.name))) << entry.name;
  const Tensor tokens = tokenizer.encode(at::ones({1, 6, 2, 2}));
  EXPECT_EQ(tokens.sizes(), (at::IntArrayRef{1, 2, 2, 2}));
}

TEST(TorchTokenizer, BrokenArgumentsAreNamed) {
  const auto tensors = SafetensorsFile::open(kFixtures / "tokenizer.safetensors");
  const test::TemporaryFolder temporary;
  const fs::path file = temporary / "tokenizer.pth";
  const auto refusal = [&](const std::map<std::string, std::string>& arguments) {
    write_file(file, test::checkpoint_of(tensors, arguments));
    std::string text = "accepted";
    try {
      Tokenizer::open(file);
    } catch (const Error& error) {
      text = error.what();
    }
    fs::remove(file);
    return text;
  };
  EXPECT_NE(refusal({}).find("holds no tokenizer config"), std::string::npos);
  const std::string mlp = test::pickle_text("BottleneckMLP/B_1-Wi_8");
  EXPECT_NE(refusal({{"encoder_type", mlp}, {"decoder_type", mlp}, {"codebook_size", test::pickle_int(-3)}})
                .find("codebook_size"),
            std::string::npos);
  EXPECT_NE(refusal({{"encoder_type", test::pickle_text("resnet")}}).find("resnet"), std::string::npos);
}

}  // namespace
}  // namespace fourm
