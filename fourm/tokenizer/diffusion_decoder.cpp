#include "fourm/tokenizer/diffusion_decoder.h"

#include <numeric>

#include "fourm/core/error.h"
#include "fourm/tokenizer/tiling.h"

namespace fourm {
namespace {

constexpr int64_t kWholePixels = int64_t{1} << 20, kDefaultTile = 512;

TokenizerPreset unet_preset(const TokenizerConfig& config) {
  const TokenizerPreset preset = config.preset(config.dec_type);
  check(preset.kind == "unet_patched", "'", config.dec_type, "' names a ", preset.kind, ", expected a UNet");
  return preset;
}

}  // namespace

DiffusionDecoder::DiffusionDecoder(const Scope& scope, const TokenizerConfig& config)
    : channels_(config.n_channels),
      latent_width_(config.latent_dim),
      patch_(config.patch_proj ? config.patch_size : 1),
      dropout_(config.cls_free_guidance_dropout),
      partial_dropout_(config.masked_cfg),
      fewest_kept_(config.masked_cfg_low),
      most_kept_(config.masked_cfg_high),
      prediction_(parse_prediction(config.prediction_type)),
      clipping_{config.thresholding  ? Clipping::kThreshold
                : config.clip_sample ? Clipping::kClamp
                                     : Clipping::kNone},
      schedule_(config.beta_schedule, config.num_train_timesteps, config.zero_terminal_snr),
      unet_(scope, unet_preset(config), channels_, latent_width_) {
  check(patch_ % unet_.patch() == 0, "patch_size is ", patch_, ", expected a multiple of the UNet's patch, ",
        unet_.patch());
}

Tensor DiffusionDecoder::output(const Tensor& noisy, const Tensor& t, const Tensor& latents,
                                const Tensor& dropped) const {
  const Tensor seen = dropped.defined() ? latents.masked_fill(dropped.unsqueeze(1), 0) : latents;
  return unet_(noisy, unet_.time_shifts(t), unet_.condition(seen, noisy.size(2), noisy.size(3)));
}

Tensor DiffusionDecoder::sample(const Tensor& latents, const DecodeOptions& options, const Tensor& noise,
                                const std::function<Tensor(int64_t step)>& fresh) const {
  const InferenceGuard inference;
  const int64_t height = noise.size(2), width = noise.size(3);
  const int64_t side = options.tile > 0 ? options.tile : height * width > kWholePixels ? kDefaultTile : 0;
  const Tiling tiling(height, width, side, std::lcm(unet_.multiple(), patch_));
  // What does not change from step to step is computed once; for many tiles it would fill the memory that they save.
  const std::vector<int64_t> times = time_steps(schedule_, options);
  const PatchedUnet::TimeShifts shifts = unet_.time_shifts(at::tensor(times, at::kLong));
  const bool whole = tiling.tiles().size() == 1;
  const Tensor whole_condition = whole ? unet_.condition(latents, height, width) : Tensor();
  const auto predict = [&](const Tensor& noisy, int64_t i) {
    PatchedUnet::TimeShifts now;
    for (const Tensor& all : shifts) now.push_back(all.slice(0, i, i + 1));
    const Tensor output = tiling.blend([&](const Tile& tile) {
      const Tensor condition =
          whole ? whole_condition : unet_.condition(tile.of(latents, patch_), tile.height, tile.width);
      return unet_(tile.of(noisy), now, condition);
    });
    return estimate(schedule_, prediction_, clipping_, noisy, output, times[i]);
  };
  return denoise(schedule_, options, noise, predict, fresh);
}

Tensor DiffusionDecoder::operator()(const FeatureMap& features, const DecodeOptions& options) const {
  check_fields(options, "the decoder's options");
  const TokenGrid grid = features.grid;
  const int64_t tokens = std::lcm(unet_.multiple(), patch_) / patch_;
  const auto missing = [&](int64_t n) { return (tokens - n % tokens) % tokens; };
  Tensor latents = features.image();
  const int64_t right = missing(grid.w), bottom = missing(grid.h);
  if (right > 0 || bottom > 0) latents = at::replication_pad2d(latents, {0, right, 0, bottom});
  const std::vector<int64_t> shape{1, channels_, latents.size(2) * patch_, latents.size(3) * patch_};
  const auto draw = [&](uint64_t step) {
    return normal_tensor(Random(options.seed, {hash_text("decode"), step}), shape)
        .to(latents.device())
        .expand({grid.batch, -1, -1, -1});
  };
  const Tensor image = sample(latents, options, draw(0), [&](int64_t step) { return draw(step + 1); });
  return image.slice(2, 0, grid.h * patch_).slice(3, 0, grid.w * patch_);
}

// Each image hides its tokens with probability `dropout`: all of them, or all but a random few.
Tensor DiffusionDecoder::drawn_mask(const TokenGrid& grid, TrainingDraws& draws) const {
  const int64_t tokens = grid.h * grid.w;
  Tensor dropped = at::zeros({grid.batch, tokens}, at::kBool);
  const Tensor chance = draws.uniform({grid.batch});
  for (int64_t i = 0; i < grid.batch; ++i) {
    if (chance[i].item<double>() >= dropout_) continue;
    dropped[i].fill_(true);
    if (!partial_dropout_) continue;
    const int64_t high = std::min(most_kept_.value_or(tokens), tokens), low = std::min(fewest_kept_, high);
    TrainingDraws& own = draws.of_image(i);
    const int64_t kept = low + own.below(high - low + 1, 1).item<int64_t>();
    dropped[i].index_fill_(0, own.rows(tokens, kept), false);
  }
  return dropped.view({grid.batch, grid.h, grid.w});
}

Reconstruction DiffusionDecoder::train(const FeatureMap& features, const Tensor& x, TrainingDraws& draws) const {
  const int64_t multiple = unet_.multiple();
  check(x.size(2) % multiple == 0 && x.size(3) % multiple == 0, "the sides of images that train a diffusion ",
        "decoder must be multiples of ", multiple, ", got ", x.size(2), " x ", x.size(3));
  const Tensor t = draws.below(schedule_.steps(), x.size(0));
  const Tensor noise = draws.normal(x.sizes()).to(x.device());
  const Tensor noisy = schedule_.add_noise(x, noise, t);
  const Tensor out =
      output(noisy, t, features.image(), dropout_ > 0 ? drawn_mask(features.grid, draws).to(x.device()) : Tensor());
  switch (prediction_) {
    case Prediction::kSample: return {out, x};
    case Prediction::kNoise: return {out, noise};
    case Prediction::kVelocity: return {out, schedule_.velocity(x, noise, t)};
    case Prediction::kVelocityNoise: return {schedule_.noise_of_velocity(noisy, out, t), noise};
  }
  fail("[DiffusionDecoder] unknown prediction");
}

}  // namespace fourm
