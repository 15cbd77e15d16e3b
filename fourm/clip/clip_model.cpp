#include "fourm/clip/clip_model.h"

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"
#include "fourm/kernels/upload.h"
#include "fourm/nn/position.h"
#include "fourm/nn/unit_rows.h"

namespace fourm {
namespace {

const double kFirstLogScale = std::log(1 / 0.07), kLargestLogScale = std::log(100);

TokenizerConfig image_encoder(const ClipConfig& c) {
  TokenizerConfig vit;
  vit.image_size = c.image_size;
  vit.patch_size = c.patch_size;
  vit.enc_type = "image";
  vit.presets["image"] = {.kind = "vit_encoder",
                          .dim_tokens = c.image_width,
                          .depth = c.image_depth,
                          .num_heads = c.image_heads,
                          .mlp_ratio = c.mlp_ratio};
  return vit;
}

BlockConfig text_block(const ClipConfig& c) {
  return {.width = c.text_width,
          .heads = c.text_heads,
          .mlp_hidden = std::llround(static_cast<double>(c.text_width) * c.mlp_ratio),
          .qkv_bias = true,
          .proj_bias = true,
          .mlp_bias = true,
          .norm_bias = true,
          .gated_mlp = false,
          .activation = Activation::kGelu};
}

}  // namespace

ClipModel::ClipModel(const ClipConfig& config, std::string tokenizer_json, const std::string& origin,
                     ParameterSource& source)
    : config_(config),
      tokenizer_json_(std::move(tokenizer_json)),
      text_(WordPiece::from_json(tokenizer_json_, origin)),
      parameters_(std::make_shared<Parameters>()) {
  const Scope root(*parameters_, source), text = root["text"];
  image_ = std::make_shared<VitEncoder>(root["image"], image_encoder(config));
  image_norm_ = LayerNorm(root["image_norm"], config.image_width, true);
  image_proj_ = Linear(root["image_proj"], config.image_width, config.embed_dim, false);
  token_emb_ = EmbeddingTable(text["token_emb"], text_.size(), config.text_width, Init::normal(1));
  const Tensor positions = sincos_1d(config.max_tokens, config.text_width);
  pos_emb_ = text.buffer("pos_emb", positions.sizes(), Init::constant(positions));
  for (int64_t i = 0; i < config.text_depth; ++i) text_blocks_.emplace_back(text["blocks"][i], text_block(config));
  text_norm_ = LayerNorm(root["text_norm"], config.text_width, true);
  text_proj_ = Linear(root["text_proj"], config.text_width, config.embed_dim, false);
  logit_scale_ = root.parameter("logit_scale", {1}, Init::constant(at::full({1}, kFirstLogScale)));
}

ClipModel ClipModel::open(const fs::path& given, const Compute& compute) {
  const fs::path folder = model_folder(given);
  check(fs::is_directory(folder), folder.string(),
        ": is not a folder of an image-text model (config.json, model.safetensors, tokenizer.json)");
  const fs::path json = folder / "tokenizer.json";
  const ClipConfig config = read_clip_config(folder / "config.json");
  FileSource source(open_weights(folder), compute);
  ClipModel model(config, read_file(json), json.string(), source);
  source.finish(*model.parameters_);
  return model;
}

ClipModel ClipModel::create(const ClipConfig& config, const fs::path& text_tokenizer, uint64_t seed,
                            at::Device device) {
  config.validate("the image-text model");
  SeedSource source(seed, at::kFloat, Compute::for_training(device));
  return ClipModel(config, read_file(text_tokenizer), text_tokenizer.string(), source);
}

void ClipModel::save(const fs::path& folder) const {
  make_folder(folder);
  save_parameters(folder / "model.safetensors", *parameters_);
  write_file(folder / "tokenizer.json", tokenizer_json_);
  write_clip_config(folder / "config.json", config_);
}

Tensor ClipModel::patch_features(const Tensor& images) const {
  const FeatureMap patches = (*image_)(images.to(parameters_->kernels().device()));
  const auto [batch, h, w] = patches.grid;
  const Tensor rows = image_proj_(image_norm_(patches.rows)).to(at::kFloat);
  return rows.view({batch, h, w, config_.embed_dim}).permute({0, 3, 1, 2});
}

Tensor ClipModel::embed_images(const Tensor& images) const { return unit_rows(patch_features(images).mean({2, 3})); }

std::vector<int64_t> ClipModel::ids(const std::string& text) const {
  std::vector<int64_t> ids = text_.encode(text);
  ids.resize(std::min<size_t>(ids.size(), config_.max_tokens - 1));
  ids.push_back(text_.eos());  // so that no text is empty
  return ids;
}

Tensor ClipModel::embed_texts(const std::vector<std::string>& texts) const {
  std::vector<int64_t> all, positions, lengths;
  for (const auto& text : texts) {
    const std::vector<int64_t> one = ids(text);
    all.insert(all.end(), one.begin(), one.end());
    for (size_t i = 0; i < one.size(); ++i) positions.push_back(static_cast<int64_t>(i));
    lengths.push_back(static_cast<int64_t>(one.size()));
  }
  Tensor tokens = to_tensor(all), places = to_tensor(positions), counts = to_tensor(lengths);
  upload({&tokens, &places, &counts}, parameters_->kernels().device());
  Tensor x = token_emb_(tokens) + pos_emb_.index_select(0, places);  // [N, D]
  const auto layout = AttentionLayout::within(lengths);
  for (const auto& block : text_blocks_) x = block(x, layout);
  const Tensor rows = text_proj_(text_norm_(x)).to(at::kFloat);
  // "unsafe": the lengths are not checked, for which the host would wait.
  return unit_rows(at::segment_reduce(rows, "mean", counts, {}, {}, /*axis=*/0, /*unsafe=*/true));
}

Tensor ClipModel::scale() const { return logit_scale_.clamp_max(kLargestLogScale).exp(); }

}  // namespace fourm
