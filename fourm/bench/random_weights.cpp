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
  for (const char* name : {"clip", "depth", "normal", "rgb", "semseg"}) {
    config.domains_in.push_back(concat("tok_", name, "@224"));
    config.domains_in.push_back(concat("tok_", name, "@448"));
    config.domains_out.push_back(concat("tok_", name, "@448"));
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
