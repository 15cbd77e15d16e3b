#include <gtest/gtest.h>

#include <functional>

#include "fourm/core/config_json.h"
#include "fourm/tokenizer/losses.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/compare.h"
#include "tests/support/fixtures.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

TokenizerConfig small_tokenizer() {
  TokenizerConfig c;
  c.image_size = 32;
  c.patch_size = 8;
  c.codebook_size = 32;
  c.latent_dim = 8;
  c.enc_type = "small_enc";
  c.dec_type = "small_dec";
  c.post_mlp = true;
  for (const char* side : {"enc", "dec"}) {
    TokenizerPreset& p = c.presets[std::string("small_") + side];
    p.kind = side == std::string("enc") ? "vit_encoder" : "vit_decoder";
    p.dim_tokens = 16, p.depth = 1, p.num_heads = 2;
  }
  return c;
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

void expect_same(const Tokenizer& a, const Tokenizer& b) {
  EXPECT_EQ(config_json(a.config()).dump(), config_json(b.config()).dump());
  ASSERT_EQ(a.parameters().entries().size(), b.parameters().entries().size());
  for (size_t i = 0; i < a.parameters().entries().size(); ++i) {
    EXPECT_EQ(a.parameters().entries()[i].name, b.parameters().entries()[i].name);
    EXPECT_TRUE(at::equal(a.parameters().entries()[i].value, b.parameters().entries()[i].value));
  }
}

TEST(Tokenizer, BothLayoutsLoadAndSaveBitEqual) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "tokenizer";
  for (const char* name : {"a_vqvae_semseg", "b_vqvae_featmap", "c_divae_rgb", "c2_divae_vpred_shifted", "d_mlp_global",
                           "d2_mlp_lucid_multihead", "f_vqvae_hires_nonsquare", "g_vqvae_mask_outconv"}) {
    const fs::path given = test::fixture_root() / "tokenizers" / name;
    FOURM_NEEDS(given);
    const Tokenizer hub = Tokenizer::open(given);
    expect_same(hub, Tokenizer::open(given / "model.safetensors"));  // the single-file layout
    hub.save(folder / name);
    expect_same(hub, Tokenizer::open(folder / name));
    hub.save(folder / (std::string(name) + ".safetensors"));
    expect_same(hub, Tokenizer::open(folder / (std::string(name) + ".safetensors")));
  }
}

// What Python's load_file and save_file make of a tokenizer: any dtype, no metadata, perhaps in shards.
TEST(Tokenizer, SavedAgainInAnyDtypeItLoads) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "tokenizer";
  for (const char* name : {"a_vqvae_semseg", "c_divae_rgb", "d2_mlp_lucid_multihead"}) {
    const fs::path given = test::fixture_root() / "tokenizers" / name;
    FOURM_NEEDS(given);
    const Tokenizer original = Tokenizer::open(given);
    original.save(folder);
    const auto tensors = test::read_all(folder / "model.safetensors");
    const Tensor x = read_tensor(SafetensorsFile::open(given / "inputs.safetensors"), "x");
    for (const auto type : {at::kHalf, at::kBFloat16, at::kDouble}) {
      NamedTensors again;
      for (const auto& [key, value] : tensors)
        again.emplace_back(key, value.is_floating_point() ? value.to(type) : value);
      save_tensors(folder / "model.safetensors", again);
      const Tensor tokens = Tokenizer::open(folder).encode(x);
      if (type == at::kDouble) {
        EXPECT_TRUE(tokens.equal(original.encode(x))) << name;
      }
      EXPECT_TRUE(Tokenizer::open(folder, Compute::for_inference()).encode(x).equal(tokens)) << name << " " << type;
      EXPECT_TRUE(Tokenizer::open(folder / "model.safetensors").encode(x).equal(tokens)) << name << " " << type;
    }
    const size_t half = tensors.size() / 2;
    NamedTensors parts[2];
    Json map = Json::object();
    for (const auto& [key, value] : tensors) {
      const size_t part = map.size() < half ? 0 : 1;
      parts[part].emplace_back(key, value);
      map[key] = concat("part", part, ".safetensors");
    }
    for (size_t part = 0; part < 2; ++part) save_tensors(folder / concat("part", part, ".safetensors"), parts[part]);
    write_json(folder / "model.safetensors.index.json", {{"weight_map", map}});
    fs::remove(folder / "model.safetensors");
    EXPECT_TRUE(Tokenizer::open(folder).encode(x).equal(original.encode(x))) << name;
    fs::remove_all(folder);
  }
}

TEST(Tokenizer, HalfPrecisionFilesHaveTheSameTokensWithPackedWeights) {
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "tokenizer";
  for (const char* name : {"a_vqvae_semseg", "b_vqvae_featmap", "c_divae_rgb", "d_mlp_global", "d2_mlp_lucid_multihead",
                           "g_vqvae_mask_outconv"}) {
    const fs::path given = test::fixture_root() / "tokenizers" / name;
    FOURM_NEEDS(given);
    make_folder(folder / name);
    write_json(folder / name / "config.json", config_json(Tokenizer::open(given).config()));
    save_parameters(folder / name / "model.safetensors", Tokenizer::open(given).parameters(), at::kHalf);
    const Tensor x = read_tensor(SafetensorsFile::open(given / "inputs.safetensors"), "x");
    const Tokenizer plain = Tokenizer::open(folder / name),
                    packed = Tokenizer::open(folder / name, Compute::for_inference()),
                    narrow = Tokenizer::open(folder / name, Compute::for_inference(Precision::kBf16));
    const Tensor tokens = plain.encode(x);
    EXPECT_TRUE(at::equal(packed.encode(x), tokens)) << name;
    const Tensor wanted = plain.decode_tokens(tokens);
    EXPECT_LE((packed.decode_tokens(tokens) - wanted).abs().max().item<double>(),
              1e-4 * wanted.abs().max().item<double>())
        << name;
    const Tensor rounded = narrow.decode_tokens(tokens);
    EXPECT_EQ(rounded.scalar_type(), at::kFloat);
    // Some hundredths on average; random diffusion decoders add up what each step rounds.
    EXPECT_LE((rounded - wanted).abs().mean().item<double>(), 0.1 * wanted.abs().mean().item<double>()) << name;
    EXPECT_EQ(narrow.encode(x).sizes(), tokens.sizes()) << name;
  }
}

TEST(Tokenizer, ClassComesFromTensorsAndMissingKeysHaveDefaults) {
  const YAML::Node node = parse_yaml("{enc_type: vit_b_enc, domain: rgb, masked_cfg_high: null, n_labels: null}", "x");
  const TokenizerConfig c = tokenizer_config(node, "x");
  EXPECT_EQ(c.codebook_size, 16384);
  EXPECT_FALSE(c.n_labels.has_value());
  EXPECT_EQ(c.preset("vit_b_dec").dim_tokens, 768);
  EXPECT_EQ(mlp_sizes("BottleneckMLP/B_6-Wi_1024")->expansion, 4);
  EXPECT_THROW(mlp_sizes("BottleneckMLP/B_6-Wi_0"), Error);
}

TEST(Tokenizer, DecoderAloneTellsThatSettingsAreOfDiffusion) {
  const TokenizerConfig c =
      tokenizer_config(parse_yaml("{dec_type: unet_patched, prediction_type: sample, clip_sample: true}", "x"), "x");
  EXPECT_EQ(c.prediction_type, "sample");
  EXPECT_TRUE(c.clip_sample);
}

// Keys of the original's training without a meaning here.
TEST(TokenizerConfig, KeysOfTheOriginalAreIgnored) {
  const auto c = tokenizer_config(
      parse_yaml("{beta_schedule: linear, sync_codebook: true, scheduler: ddim, ckpt_path: null, latent_dim: 8}", "x"),
      "x");
  EXPECT_EQ(c.latent_dim, 8);
  EXPECT_EQ(config_json(c).count("sync_codebook") + config_json(c).count("scheduler"), 0u);
}

TEST(Tokenizer, LearnsToReconstructABatch) {
  Tokenizer tokenizer = Tokenizer::create(small_tokenizer(), 1);
  tokenizer.parameters().make_trainable();
  SeedSource source(2);
  const Tensor x = source.get("x", {4, 3, 32, 32}, Init::normal(1));
  double first = 0, last = 0;
  for (uint64_t step = 0; step < 60; ++step) {
    SeededDraws draws(1, step);
    const auto out = tokenizer.train_forward(x, draws);
    const Tensor loss = reconstruction_loss("mse", out.output, x);
    (loss + out.code_loss).sum().backward();
    const NoGradGuard no_grad;
    for (Tensor& t : tokenizer.parameters().parameters()) {
      t.sub_(t.grad().sign(), 3e-3);
      t.mutable_grad().reset();
    }
    (step == 0 ? first : last) = loss.item<double>();
  }
  EXPECT_LT(last, 0.9 * first);
}

TEST(Tokenizer, AnyGridRoundTripsShapes) {
  const Tokenizer tokenizer = Tokenizer::create(small_tokenizer(), 1);
  const Tensor tokens = tokenizer.encode(at::zeros({2, 3, 48, 16}));
  EXPECT_EQ(tokens.sizes(), at::IntArrayRef({2, 6, 2}));
  EXPECT_EQ(tokenizer.decode_tokens(tokens).sizes(), at::IntArrayRef({2, 3, 48, 16}));
}

TEST(Tokenizer, BadInputIsNamed) {
  const Tokenizer tokenizer = Tokenizer::create(small_tokenizer(), 1);
  EXPECT_NE(error_of([&] { tokenizer.encode(at::zeros({1, 3, 1, 1})); }).find("patches of 8"), std::string::npos);
  EXPECT_NE(error_of([&] { tokenizer.encode(at::zeros({1, 1, 8, 8})); }).find("3 channels"), std::string::npos);
  EXPECT_NE(error_of([&] {
              tokenizer.decode_tokens(at::full({1, 2, 2}, 32, at::kLong));
            }).find("32 is outside"),
            std::string::npos);
  TokenizerConfig labels = small_tokenizer();
  labels.n_labels = 5;
  const Tokenizer classes = Tokenizer::create(labels, 1);
  EXPECT_NE(error_of([&] { classes.encode(at::full({1, 8, 8}, 5, at::kLong)); }).find("label 5"), std::string::npos);
  TokenizerConfig huge = small_tokenizer();
  huge.codebook_size = int64_t{1} << 60;
  EXPECT_NE(error_of([&] { Tokenizer::create(huge, 1); }).find("codebook_size"), std::string::npos);
  EXPECT_NE(error_of([&] { mlp_sizes("MLP/what"); }).find("not readable"), std::string::npos);
}

}  // namespace
}  // namespace fourm
