#include "fourm/tokenizer/unet.h"

#include <cmath>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr int64_t kGroups = 32;
constexpr double kEpsilon = 1e-5, kLongestPeriod = 10000;

}  // namespace

Conv2d::Conv2d(const Scope& scope, int64_t in, int64_t out, int64_t kernel, int64_t stride, bool zero)
    : weight(scope.parameter("weight", {out, in, kernel, kernel},
                             zero ? Init::zeros() : Init::xavier(in * kernel * kernel, out * kernel * kernel))),
      bias(scope.parameter("bias", {out}, Init::zeros())),
      convolve_(scope.kernels()->conv2d(weight, bias, stride)) {}

GroupNorm::GroupNorm(const Scope& scope, int64_t channels)
    : weight(scope.parameter("weight", {channels}, Init::ones())),
      bias(scope.parameter("bias", {channels}, Init::zeros())),
      kernels_(scope.kernels()) {
  check(channels % kGroups == 0, "a UNet level is ", channels, " wide, expected a multiple of ", kGroups,
        " (model_channels * channel_mult)");
}

Tensor GroupNorm::operator()(const Tensor& x) const {
  return kernels_->group_norm(x, {}, kGroups, weight, bias, kEpsilon, /*then_silu=*/false);
}

Tensor GroupNorm::silu(const Tensor& x, const Tensor& shift) const {
  return kernels_->group_norm(x, shift, kGroups, weight, bias, kEpsilon, /*then_silu=*/true);
}

ResBlock::ResBlock(const Scope& scope, int64_t in, int64_t out, int64_t time_width)
    : in_norm(scope["in_layers"][0], in),
      out_norm(scope["out_layers"][0], out),
      in_conv(scope["in_layers"][2], in, out, 3, 1),
      out_conv(scope["out_layers"][3], out, out, 3, 1, true),
      time(scope["emb_layers"][1], time_width, out, true) {
  if (in != out) skip = Conv2d(scope["skip_connection"], in, out, 1, 1);
}

Tensor ResBlock::operator()(const Tensor& x, const Tensor& shift) const {
  const Tensor h = out_norm.silu(in_conv(in_norm.silu(x)), shift);
  return out_conv.with_residual(h, skip.weight.defined() ? skip(x) : x);
}

SpatialAttention::SpatialAttention(const Scope& scope, int64_t channels)
    : norm(scope["norm"], channels),
      qkv(Linear::convolution(scope["qkv"], {3 * channels, channels, 1})),
      proj(Linear::convolution(scope["proj_out"], {channels, channels, 1}, true)),
      kernels_(scope.kernels()) {}

Tensor SpatialAttention::operator()(const Tensor& x) const {
  const int64_t batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  const Tensor rows = norm(x).permute({0, 2, 3, 1}).reshape({-1, channels});
  const auto heads = qkv(rows).view({-1, 3, 1, channels}).unbind(1);
  const auto layout = AttentionLayout::within(std::vector<int64_t>(batch, height * width));
  const Tensor mixed = proj(kernels_->attention(heads[0], heads[1], heads[2], layout).flatten(1));
  return x + mixed.view({batch, height, width, channels}).permute({0, 3, 1, 2});
}

// Residual blocks take their shifts in the order of blocks().
struct PatchedUnet::Shifts {
  const TimeShifts& all;
  size_t next = 0;
  const Tensor& take() { return all[next++]; }
};

PatchedUnet::PatchedUnet(const Scope& scope, const TokenizerPreset& preset, int64_t channels, int64_t latent_width)
    : kernels_(scope.kernels()),
      patch_(preset.patch_size),
      levels_(static_cast<int64_t>(preset.channel_mult.size())),
      folded_(channels * patch_ * patch_),
      width_(preset.model_channels),
      time_in_(scope["time_embed"][0], width_, 4 * width_, true),
      time_out_(scope["time_embed"][2], 4 * width_, 4 * width_, true),
      stem_(scope["input_blocks"][0][0], folded_ + latent_width, width_, 3, 1) {
  const auto attends = [&](int64_t factor) {
    const auto& at = preset.attention_resolutions;
    return std::find(at.begin(), at.end(), factor) != at.end();
  };
  const int64_t time_width = 4 * width_;
  std::vector<int64_t> skips{width_};
  int64_t now = width_, entry = 0;
  for (int64_t level = 0; level < levels_; ++level) {
    const int64_t target = preset.channel_mult[level] * width_;
    for (int64_t i = 0; i < preset.num_res_blocks; ++i) {
      const Scope place = scope["input_blocks"][++entry];
      Stage stage;
      stage.block.emplace(place[0], now, target, time_width);
      if (attends(int64_t{1} << level)) stage.attention.emplace(place[1], target);
      inputs_.push_back(std::move(stage));
      skips.push_back(now = target);
    }
    if (level + 1 == levels_) break;
    Stage stage;
    stage.down.emplace(scope["input_blocks"][++entry][0]["op"], now, now, 3, 2);
    inputs_.push_back(std::move(stage));
    skips.push_back(now);
  }
  middle_.resize(2);
  middle_[0].block.emplace(scope["middle_block"][0], now, now, time_width);
  middle_[0].attention.emplace(scope["middle_block"][1], now);
  middle_[1].block.emplace(scope["middle_block"][2], now, now, time_width);
  entry = 0;
  for (int64_t level = levels_ - 1; level >= 0; --level) {
    const int64_t target = preset.channel_mult[level] * width_;
    for (int64_t i = 0; i <= preset.num_res_blocks; ++i) {
      const Scope place = scope["output_blocks"][entry++];
      int64_t part = 0;
      Stage stage;
      stage.block.emplace(place[part++], now + skips.back(), target, time_width);
      skips.pop_back();
      if (attends(int64_t{1} << level)) stage.attention.emplace(place[part++], target);
      if (level > 0 && i == preset.num_res_blocks) stage.up.emplace(place[part]["conv"], target, target, 3, 1);
      outputs_.push_back(std::move(stage));
      now = target;
    }
  }
  out_norm_ = GroupNorm(scope["out"][0], now);
  out_conv_ = Conv2d(scope["out"][2], now, folded_, 3, 1, true);
}

std::vector<const ResBlock*> PatchedUnet::blocks() const {
  std::vector<const ResBlock*> all;
  for (const auto* list : {&inputs_, &middle_, &outputs_})
    for (const Stage& stage : *list)
      if (stage.block) all.push_back(&*stage.block);
  return all;
}

Tensor PatchedUnet::time_embedding(const Tensor& t) const {
  const int64_t half = width_ / 2;
  const Tensor frequency =
      (at::arange(half, at::kFloat) * (-std::log(kLongestPeriod) / static_cast<double>(half))).exp();
  const Tensor angle = (t.to(at::kCPU, at::kFloat).unsqueeze(1) * frequency).to(kernels_->device());
  return time_out_(at::silu(time_in_(at::cat({angle.cos(), angle.sin()}, 1))));
}

PatchedUnet::TimeShifts PatchedUnet::time_shifts(const Tensor& t) const {
  const Tensor embedding = at::silu(time_embedding(t));
  TimeShifts shifts;
  for (const ResBlock* block : blocks()) shifts.push_back(block->time(embedding));
  return shifts;
}

Tensor PatchedUnet::condition(const Tensor& latents, int64_t height, int64_t width) const {
  const Tensor grid = at::upsample_nearest2d(latents, {height / patch_, width / patch_});
  return at::conv2d(formatted(grid), stem_.weight.slice(1, folded_), stem_.bias, 1, 1);
}

Tensor PatchedUnet::run(const Stage& stage, Tensor x, Shifts& shifts) {
  if (stage.down) return (*stage.down)(x);
  x = (*stage.block)(x, shifts.take());
  if (stage.attention) x = (*stage.attention)(x);
  if (stage.up) x = (*stage.up)(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
  return x;
}

Tensor PatchedUnet::operator()(const Tensor& noisy, const TimeShifts& all, const Tensor& condition) const {
  check(noisy.size(2) % multiple() == 0 && noisy.size(3) % multiple() == 0, "the UNet takes images whose sides are ",
        "multiples of ", multiple(), ", got ", noisy.size(2), " x ", noisy.size(3));
  Shifts shifts{all};
  const Tensor folded = formatted(at::pixel_unshuffle(noisy, patch_));
  Tensor x = at::conv2d(folded, stem_.weight.slice(1, 0, folded_), {}, 1, 1) + condition;
  std::vector<Tensor> skips{x};
  for (const Stage& stage : inputs_) skips.push_back(x = run(stage, x, shifts));
  for (const Stage& stage : middle_) x = run(stage, x, shifts);
  for (const Stage& stage : outputs_) {
    x = run(stage, at::cat({x, skips.back()}, 1), shifts);
    skips.pop_back();
  }
  return at::pixel_shuffle(out_conv_(out_norm_.silu(x)), patch_).contiguous();
}

}  // namespace fourm
