#include "fourm/tokenizer/vqvae.h"

#include "fourm/core/config_json.h"
#include "fourm/core/error.h"
#include "fourm/modality/imagenet.h"
#include "fourm/tokenizer/diffusion_decoder.h"
#include "fourm/tokenizer/mlp.h"
#include "fourm/tokenizer/vit.h"

namespace fourm {
namespace {

// Old checkpoints call the projections quant_conv and post_quant_conv.
class LegacyNames : public ParameterSource {
 public:
  explicit LegacyNames(FileSource& file) : file_(file) {}
  Tensor get(const std::string& name, at::IntArrayRef shape, const Init& init) override {
    return file_.get(stored_name(name), shape, init);
  }
  bool has(const std::string& name) const override { return file_.has(stored_name(name)); }
  std::shared_ptr<const Kernels> kernels() const override { return file_.kernels(); }

 private:
  std::string stored_name(const std::string& name) const {
    const size_t at = name.find("quant_proj.");
    if (at == std::string::npos || file_.has(name)) return name;
    for (const char* old : {"quant_conv.", "quant_conv.0."}) {
      const std::string legacy = name.substr(0, at) + old + name.substr(at + 11);
      if (file_.has(legacy)) return legacy;
    }
    return name;
  }
  FileSource& file_;
};

}  // namespace

Tokenizer::Tokenizer(TokenizerConfig config, ParameterSource& source)
    : config_(std::move(config)), parameters_(std::make_unique<Parameters>()) {
  const Scope scope(*parameters_, source);
  if (config_.n_labels)
    class_embedding_ = scope["cls_emb"].parameter("weight", {*config_.n_labels, config_.n_channels}, Init::normal(1));
  if (const auto sizes = mlp_sizes(config_.enc_type))
    encoder_ = std::make_unique<MlpEncoder>(scope["encoder"], *sizes, config_.n_channels);
  else
    encoder_ = std::make_unique<VitEncoder>(scope["encoder"], config_);
  quant_proj_ = Linear::convolution(scope["quant_proj"], {config_.latent_dim, encoder_->width(), 1, 1});
  quantizer_ = make_quantizer(scope["quantize"], config_);
  if (config_.kind() == TokenizerClass::kVq) return;
  if (config_.kind() == TokenizerClass::kDiVae) {  // its input are the quantised vectors without a projection
    decoder_ = std::make_unique<DiffusionDecoder>(scope["decoder"], config_);
    return;
  }
  if (const auto sizes = mlp_sizes(config_.dec_type))
    decoder_ = std::make_unique<MlpDecoder>(scope["decoder"], *sizes, config_.output_channels());
  else
    decoder_ = std::make_unique<VitDecoder>(scope["decoder"], config_);
  post_quant_proj_ = Linear::convolution(scope["post_quant_proj"], {decoder_->width(), config_.latent_dim, 1, 1});
}

Tokenizer Tokenizer::open(const fs::path& path, const Compute& compute, const std::optional<InputConfig>& input) {
  TokenizerFiles files = TokenizerFiles::open(path);
  if (!files.config.input) files.config.input = input;
  FileSource source(std::move(files.weights), compute);
  LegacyNames names(source);
  Tokenizer tokenizer(std::move(files.config), names);
  source.finish(*tokenizer.parameters_);
  return tokenizer;
}

Tokenizer Tokenizer::create(const TokenizerConfig& config, uint64_t seed, at::Device device) {
  config.validate("tokenizer");
  SeedSource source(seed, at::kFloat, Compute::for_training(device));
  return Tokenizer(config, source);
}

void Tokenizer::save(const fs::path& path) const {
  if (path.extension() == ".safetensors") {
    NamedTensors tensors;
    for (const auto& entry : parameters_->entries()) tensors.emplace_back(entry.name, entry.value);
    save_tensors(path, tensors, to_metadata(config_));
    return;
  }
  make_folder(path);
  save_parameters(path / "model.safetensors", *parameters_);
  write_json(path / "config.json", config_json(config_));
}

Tensor Tokenizer::on_device(const Tensor& x) const {
  if (config_.n_labels) {
    check(x.dim() == 3 && x.scalar_type() == at::kLong, "this tokenizer expects label maps [B, H, W] of int64, got ",
          x.toString(), " ", x.sizes());
    const int64_t low = x.numel() ? x.min().item<int64_t>() : 0, high = x.numel() ? x.max().item<int64_t>() : 0;
    check(low >= 0 && high < *config_.n_labels, "a label map holds the label ", low < 0 ? low : high,
          ", expected 0 to ", *config_.n_labels - 1);
  } else {
    check(x.dim() == 4 && x.is_floating_point(), "this tokenizer expects images [B, C, H, W] of floats, got ",
          x.toString(), " ", x.sizes());
  }
  return x.to(device());
}

Tensor Tokenizer::encoder_input(const Tensor& x) const {
  if (config_.n_labels) return at::embedding(class_embedding_, x).to(at::kFloat).permute({0, 3, 1, 2});
  if (!config_.undo_std) return x;
  const auto channels = [&](at::ArrayRef<float> values) {
    return at::tensor(values).view({1, 3, 1, 1}).to(x.device());
  };
  return 2 * (x * channels(kImageNetDeviation) + channels(kImageNetMean)) - 1;
}

FeatureMap Tokenizer::features(const Tensor& x) const { return (*encoder_)(encoder_input(on_device(x))); }

FeatureMap Tokenizer::latents(const FeatureMap& features) const {
  return {quant_proj_(features.rows).to(at::kFloat), features.grid};  // codebooks compare in float32
}

Tensor Tokenizer::shape_tokens(const Tensor& codes, const TokenGrid& grid) const {
  const Tensor tokens = codes.view({grid.batch, grid.h, grid.w, -1}).permute({0, 3, 1, 2}).contiguous();
  return tokens.size(1) == 1 ? tokens.squeeze(1) : tokens;
}

Tensor Tokenizer::encode(const Tensor& x) const {
  const InferenceGuard inference;
  const FeatureMap z = latents(features(x));
  return shape_tokens(quantizer_->encode(z.rows).codes, z.grid);
}

FeatureMap Tokenizer::quantised(const Tensor& tokens) const {
  const int64_t codebooks = config_.num_codebooks;
  const bool right = tokens.scalar_type() == at::kLong &&
                     (tokens.dim() == 4 ? tokens.size(1) == codebooks : tokens.dim() == 3 && codebooks == 1);
  check(right, "tokens must be int64 of shape [B, ", codebooks > 1 ? concat(codebooks, ", ") : "", "h, w], got ",
        tokens.toString(), " ", tokens.sizes());
  const int64_t low = tokens.numel() ? tokens.min().item<int64_t>() : 0;
  const int64_t high = tokens.numel() ? tokens.max().item<int64_t>() : 0;
  check(low >= 0 && high < config_.codebook_size, "the token ", low < 0 ? low : high, " is outside the codebook of ",
        config_.codebook_size);
  const FeatureMap codes = FeatureMap::of((tokens.dim() == 3 ? tokens.unsqueeze(1) : tokens).to(device()));
  return {quantizer_->decode(codes.rows), codes.grid};
}

FeatureMap Tokenizer::decoder_input(const FeatureMap& quantised) const {
  check(decoder_ != nullptr, "this tokenizer has no decoder: it can encode only");
  if (!post_quant_proj_.weight.defined()) return quantised;
  return {post_quant_proj_(quantised.rows), quantised.grid};
}

Tensor Tokenizer::decode(const FeatureMap& quantised, const DecodeOptions& options) const {
  const FeatureMap features = decoder_input(quantised);
  return (*decoder_)(features, options).to(at::kFloat);
}

Tensor Tokenizer::decode_tokens(const Tensor& tokens, const DecodeOptions& options) const {
  const InferenceGuard inference;
  return decode(quantised(tokens), options);
}

Tokenizer::Training Tokenizer::train_forward(const Tensor& x, TrainingDraws& draws) {
  const Tensor images = on_device(x);
  const FeatureMap z = latents((*encoder_)(encoder_input(images)));
  const Quantized q = quantizer_->train(z.rows, draws);
  const FeatureMap features_of_tokens = decoder_input({q.rows, z.grid});
  const Reconstruction made = decoder_->train(features_of_tokens, images, draws);
  return {made.output, made.target, q.loss, shape_tokens(q.codes, z.grid)};
}

}  // namespace fourm
