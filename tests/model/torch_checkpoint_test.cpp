// 4M models from PyTorch checkpoints: config from names and shapes, and conversion.
#include <gtest/gtest.h>

#include "fourm/io/weights.h"
#include "fourm/model/inspect.h"
#include "fourm/model/model_file.h"
#include "fourm/model/training_checkpoint.h"
#include "tests/support/fixtures.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/torch_archive.h"

namespace fourm {
namespace {

class TorchModel : public testing::TestWithParam<const char*> {
 protected:
  test::TemporaryFolder temporary_;
  fs::path folder_ = temporary_ / "files";
};

TEST_P(TorchModel, IsTheSameModel) {
  const fs::path original = test::fixture_root() / "transformer" / GetParam();
  FOURM_NEEDS(original / "model.safetensors");
  const auto tensors = SafetensorsFile::open(original / "model.safetensors");
  const ModelConfig expected = read_model_config(original / "config.json");
  const auto flag = [](bool on) { return std::string(1, on ? '\x88' : '\x89'); };
  make_folder(folder_);
  const fs::path file = folder_ / "checkpoint.pth";
  write_file(file, test::checkpoint_of(tensors, {{"model", test::pickle_text("fm_base")},
                                                 {"input_size", test::pickle_int(expected.image_size)},
                                                 {"patch_size", test::pickle_int(expected.patch_size)},
                                                 {"decoder_causal_mask", flag(expected.decoder_causal_mask)},
                                                 {"decoder_sep_mask", flag(expected.decoder_sep_mask)}}));
  ModelConfig found = read_model_config(open_weights(file));
  EXPECT_EQ(found.dim, expected.dim);
  EXPECT_EQ(found.encoder_depth, expected.encoder_depth);
  EXPECT_EQ(found.decoder_depth, expected.decoder_depth);
  EXPECT_EQ(found.mlp_hidden(), expected.mlp_hidden());
  EXPECT_EQ(found.act_layer, expected.act_layer);
  EXPECT_EQ(found.gated_mlp, expected.gated_mlp);
  EXPECT_EQ(found.qkv_bias, expected.qkv_bias);
  EXPECT_EQ(found.mlp_bias, expected.mlp_bias);
  EXPECT_EQ(found.qk_norm, expected.qk_norm);
  EXPECT_EQ(found.num_register_tokens, expected.num_register_tokens);
  EXPECT_EQ(found.decoder_causal_mask, expected.decoder_causal_mask);
  EXPECT_EQ(std::set<std::string>(found.domains_in.begin(), found.domains_in.end()).size(), found.domains_in.size());

  // Through the folder that `fourm inspect --convert` writes: the numbers are bit-equal to the original's. The heads
  // of these small models are narrower than official ones, and so are named.
  convert(file, folder_ / "converted", "f32");
  const auto converted = SafetensorsFile::open(folder_ / "converted" / "model.safetensors");
  for (const auto& t : tensors.tensors())
    EXPECT_TRUE(at::equal(view_of(tensors, t), read_tensor(converted, t.name))) << t.name;
  EXPECT_EQ(read_model_config(folder_ / "converted" / "config.json").dim, expected.dim);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, TorchModel,
                         testing::Values("forward_21", "variant_gelu_bias", "variant_qknorm_registers"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(TorchModelFolder, PytorchModelBinBesideAConfigIsOpened) {
  const fs::path original = test::fixture_root() / "transformer" / "variant_gelu_bias";
  FOURM_NEEDS(original / "model.safetensors");
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "files";
  make_folder(folder);
  fs::copy_file(original / "config.json", folder / "config.json");
  write_file(folder / "pytorch_model.bin",
             test::checkpoint_of(SafetensorsFile::open(original / "model.safetensors"), {}));
  const FourM model = load_model(folder), expected = load_model(original);
  for (const auto& entry : expected.parameters().entries())
    EXPECT_TRUE(at::equal(model.parameters().find(entry.name), entry.value)) << entry.name;
}

}  // namespace
}  // namespace fourm
