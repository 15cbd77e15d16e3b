// What each official tokenizer reads, told by the name of its modality, folder or training domain.
#include <gtest/gtest.h>
#include "fourm/core/error.h"
#include "fourm/io/safetensors.h"
#include "fourm/modality/input_kind.h"
#include "fourm/tokenizer/image_tokenizer.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/captured_log.h"
#include "tests/support/small_tokenizers.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TokenizerConfig config_of(const std::string& arguments) {
  return tokenizer_config(parse_yaml("{" + arguments + "}", "the test"), "the test");
}

const std::string kDiffusion = "n_channels: 1, dec_type: unet_patched, beta_schedule: linear, prediction_type: sample";
const std::string kMlp =
    "enc_type: BottleneckMLP/B_6-Wi_1024, dec_type: BottleneckMLP/B_6-Wi_1024, quant_type: memcodes, latent_dim: 1024";

struct Layout {
  std::string arguments;           // as in the official config.json
  std::vector<std::string> names;  // modality, published folder, training domain
  std::string kind;
  int64_t channels;
};

TEST(OfficialInput, FollowsFromTheNameInEveryLayout) {
  const std::string colour = "n_channels: 3, dec_type: unet_patched, beta_schedule: linear, prediction_type: sample";
  const std::vector<Layout> layouts{
      {colour, {"tok_rgb@224", "4M_tokenizers_rgb_16k_224-448", "rgb"}, "rgb", 3},
      {colour, {"tok_normal@448", "4M_tokenizers_normal_8k_224-448", "normal"}, "normal", 3},
      {kDiffusion, {"tok_depth@224", "4M_tokenizers_depth_8k_224-448", "depth"}, "depth", 1},
      {kDiffusion, {"tok_canny_edge@224", "4M_tokenizers_edge_8k_224-512", "canny_edge"}, "grey", 1},
      {kDiffusion, {"tok_sam_edge@224", "sam_edge"}, "grey", 1},
      {"n_labels: 134, n_channels: 64",
       {"tok_semseg@224", "4M_tokenizers_semseg_4k_224-448", "semseg_coco"},
       "semseg",
       3},
      {"n_channels: 512, patch_proj: false",
       {"tok_clip@224", "4M_tokenizers_CLIP-B16_8k_224-448", "CLIP-B16"},
       "features",
       512},
      {"n_channels: 768, patch_proj: false, patch_size: 14",
       {"tok_dinov2@224", "4M_tokenizers_DINOv2-B14_8k_224-448", "DINOv2-B14"},
       "features",
       768},
      {"n_channels: 1280, patch_proj: false, patch_size: 14",
       {"tok_imagebind@224", "4M_tokenizers_ImageBind-H14_8k_224-448", "ImageBind-H14"},
       "features",
       1280},
      {"n_channels: 768, num_codebooks: 16, " + kMlp,
       {"tok_dinov2_global", "4M_tokenizers_DINOv2-B14-global_8k_16_224", "DINOv2-B14-global"},
       "features",
       768},
      {"n_channels: 1280, num_codebooks: 16, " + kMlp,
       {"tok_imagebind_global", "4M_tokenizers_ImageBind-H14-global_8k_16_224", "ImageBind-H14-global"},
       "features",
       1280},
      {"n_channels: 207, num_codebooks: 8, " + kMlp,
       {"4M_tokenizers_human-poses_1k_8", "human_poses"},
       "features",
       207},
      {"n_channels: 1, out_conv: true, image_size: 64", {"4M_tokenizers_sam-instance_1k_64", "sam_mask"}, "mask", 1},
  };
  for (const auto& [arguments, names, kind, channels] : layouts)
    for (const auto& name : names) {
      const test::CapturedLog captured;
      const InputConfig input = config_of(arguments).image_input(name);
      EXPECT_EQ(captured.text(), "") << name;
      EXPECT_EQ(input.kind, kind) << name;
      EXPECT_EQ(kind == "semseg" ? 3 : input.channels(), channels) << name;
      EXPECT_EQ(input.standardise, kind == "depth") << name;
      EXPECT_EQ(input.label_offset, kind == "semseg" ? 1 : 0) << name;
      // The domain of the training arguments says it whatever the folder is called.
      const TokenizerConfig trained = config_of(arguments + ", domain: " + names.back());
      ASSERT_TRUE(trained.input.has_value()) << name;
      EXPECT_EQ(trained.image_input("elsewhere").kind, kind) << name;
    }
}

TEST(OfficialInput, IsAssumedWithAWarningAndContradictionsAreRefused) {
  const test::CapturedLog captured;
  EXPECT_EQ(config_of("n_channels: 3").image_input("mine").kind, "rgb");
  EXPECT_EQ(config_of(kDiffusion).image_input("depth_of_normals").kind, "depth");
  const std::string warnings = captured.text();
  EXPECT_NE(warnings.find("warning: the tokenizer 'mine' does not name the kind of its input"), std::string::npos)
      << warnings;
  EXPECT_NE(warnings.find("'depth_of_normals'"), std::string::npos) << warnings;
  EXPECT_THROW(config_of(kDiffusion).image_input("tok_rgb@224"), Error);
  EXPECT_THROW(config_of("n_channels: 3").image_input("tok_depth@224"), Error);
  EXPECT_THROW(config_of("n_channels: 5").image_input("tok_rgb@224"), Error);
  // The input of a config takes precedence over the name.
  EXPECT_EQ(config_of("n_channels: 3, input: {kind: rgb}").image_input("tok_normal@224").kind, "rgb");
}

TEST(OfficialInput, NamesAreReadByTheirWords) {
  EXPECT_EQ(kind_in_name("edges"), "grey");
  EXPECT_EQ(kind_in_name("abnormal"), std::nullopt);
  EXPECT_EQ(kind_in_name("rgb_to_depth"), std::nullopt);
  EXPECT_EQ(name_in_path("a/tok_rgb@128"), "tok_rgb@128");
  EXPECT_EQ(name_in_path("a/tok_rgb@128/"), "tok_rgb@128");
  EXPECT_EQ(name_in_path("a/normal_8k.safetensors"), "normal_8k");
  EXPECT_EQ(name_in_path("runs/tokenizer_normal/model/model.safetensors"), "tokenizer_normal");
  EXPECT_EQ(name_in_path("hub/models--EPFL--4M_tokenizers_depth_8k/snapshots/0123abc"),
            "models--EPFL--4M_tokenizers_depth_8k");
}

// A tokenizer without `input`, as the official ones are.
TokenizerConfig bare(int64_t channels) {
  TokenizerConfig c = test::small_image_tokenizer();
  c.image_size = 16;
  c.n_channels = channels;
  return c;
}

TEST(OfficialInput, MirroredNormalsAndEdgesOfAnyColourAreEncodedByTheirKind) {
  const test::TemporaryFolder temporary;
  const fs::path root = temporary / "files";
  Tokenizer::create(bare(3), 1).save(root / "tok_normal@16");
  Tokenizer::create(bare(1), 2).save(root / "tok_canny_edge@16");
  Tokenizer::create(bare(1), 3).save(root / "tok_sam_edge@16.safetensors");

  Image normals(16, 16, 3);
  for (size_t i = 0; i < normals.pixels.size(); ++i) normals.pixels[i] = static_cast<uint8_t>(i * 7);
  const auto normal = ImageTokenizer::open(root / "tok_normal@16");
  const Image turned = std::get<Image>(cut_square(normal.input(), normals, {0, 0, 16, 16, true}, 16));
  EXPECT_EQ(turned.at(0, 5)[0], 255 - normals.at(15, 5)[0]);
  EXPECT_EQ(turned.at(0, 5)[1], normals.at(15, 5)[1]);

  Image grey(16, 16, 3), alone(16, 16, 1);  // the same edges as an RGB and as a grey image
  for (size_t i = 0; i < grey.area(); ++i) {
    alone.pixels[i] = static_cast<uint8_t>(i % 5 == 0 ? 255 : 0);
    for (int c = 0; c < 3; ++c) grey.pixels[3 * i + c] = alone.pixels[i];
  }
  for (const char* name : {"tok_canny_edge@16", "tok_sam_edge@16.safetensors"}) {
    const auto edges = ImageTokenizer::open(root / name);
    const StoredImage from_rgb = decode_stored_image(edges.input(), encode_png(grey), "the test");
    EXPECT_EQ(from_rgb, decode_stored_image(edges.input(), encode_png(alone), "the test"));
    EXPECT_EQ(display(edges.input(), from_rgb), grey);
    float values[256];
    to_network(edges.input(), from_rgb, false, values);  // [-1, 1], not standardised
    EXPECT_EQ(values[0], 1);
    EXPECT_EQ(values[1], -1);
    const auto decoded = edges.decode(edges.encode({from_rgb}));
    EXPECT_EQ(std::get<Image>(decoded[0]).channels, 1);
  }
  EXPECT_EQ(ImageTokenizer::open(root / "tok_canny_edge@16", {}, "depth").input().kind, "depth");
  EXPECT_EQ(ImageTokenizer::open(root / "tok_canny_edge@16", {}, "tok_edges@32").image_size(), 32);
}

}  // namespace
}  // namespace fourm
