#include "fourm/bench/random_weights.h"

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/tokenizer/vqvae.h"

namespace fourm {
namespace {

// Whether an earlier run wrote both files.
bool is_complete(const fs::path& folder) {
  return fs::exists(folder / "config.json") && fs::exists(folder / "model.safetensors");
}

}  // namespace

ModelConfig official_size(const std::string& name) {
  struct Row {
    const char* name;
    int64_t dim, heads, depth;
  };
  constexpr Row kSizes[] = {
      {"Ti", 384, 6, 6}, {"S", 512, 8, 8}, {"B", 768, 12, 12}, {"L", 1024, 16, 24}, {"XL", 2048, 32, 24}};
  for (const auto& row : kSizes) {
    if (name != row.name) continue;
    ModelConfig c;
    c.domains_in = {"caption",        "det",         "rgb@224",       "tok_clip@224", "tok_depth@224",
                    "tok_normal@224", "tok_rgb@224", "tok_semseg@224"};
    for (const auto& domain : c.domains_in)
      if (domain != "rgb@224") c.domains_out.push_back(domain);
    c.dim = row.dim, c.num_heads = row.heads, c.encoder_depth = c.decoder_depth = row.depth;
    c.qkv_bias = c.proj_bias = c.mlp_bias = false;
    c.gated_mlp = true;
    return c;
  }
  fail("unknown size ", printable(name), "; known: Ti, S, B, L, XL");
}

static fs::path random_weights(const ModelConfig& config, const fs::path& folder, const std::string& dtype) {
  if (is_complete(folder)) return folder;
  const at::ScalarType type = parse_dtype(dtype);
  save_model(create_model(config, ModalityTable::official(), 1, type), folder, type);
  return folder;
}

fs::path random_model(const BenchSetting& setting) {
  return random_weights(official_size(setting.size), setting.scratch / (setting.size + "-" + setting.dtype),
                        setting.dtype);
}

fs::path random_super_resolution_model(const BenchSetting& setting) {
  ModelConfig config = official_size(setting.size);
  config.image_size = 448;
  config.domains_in = {"caption", "det"};
  config.domains_out.clear();
  for (const char* subject : {"clip", "depth", "normal", "rgb", "semseg"}) {
    config.domains_in.push_back(concat("tok_", subject, "@224"));
    config.domains_in.push_back(concat("tok_", subject, "@448"));
    config.domains_out.push_back(concat("tok_", subject, "@448"));
  }
  return random_weights(config, setting.scratch / (setting.size + "-sr-" + setting.dtype), setting.dtype);
}

fs::path random_tokenizer(const BenchSetting& setting) {
  fs::path folder = setting.scratch / "tok_rgb";
  if (is_complete(folder)) return folder;
  TokenizerConfig c;
  c.enc_type = "vit_b_enc";
  c.dec_type = "unet_patched";
  c.post_mlp = true;
  c.beta_schedule = "linear";
  c.prediction_type = "sample";
  Tokenizer::create(c, 1).save(folder);
  return folder;
}

}  // namespace fourm
