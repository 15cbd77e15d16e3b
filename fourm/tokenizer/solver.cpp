#include "fourm/tokenizer/solver.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/stopped.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

// x_t = signal * x0 + noise * noise.
struct Level {
  double signal, noise;
  Level(const NoiseSchedule& schedule, int64_t t)
      : signal(std::sqrt(schedule.alpha_bar(t))), noise(std::sqrt(1 - schedule.alpha_bar(t))) {}
  double log_snr() const { return std::log(signal / noise); }  // half of it; infinite at either end
};

void check_count(int64_t count, int64_t steps) {
  check(count > 0 && count <= steps, "steps is ", count, ", expected 1 to ", steps, ", the length of the diffusion");
}

constexpr double kSmallestVariance = 1e-20;
// Half log signal-to-noise ratios between which logsnr steps lie: noise 12 times the image, and a 20th of it.
constexpr double kImageBegins = -2.5, kNoiseEnds = 3;

}  // namespace

Prediction parse_prediction(const std::string& name) {
  if (name == "sample") return Prediction::kSample;
  if (name == "epsilon") return Prediction::kNoise;
  if (name == "v_prediction") return Prediction::kVelocity;
  check(name == "v_prediction-epsilon_loss", "prediction_type is ", printable(name),
        ", expected sample, epsilon, v_prediction or v_prediction-epsilon_loss");
  return Prediction::kVelocityNoise;
}

Tensor Clipping::operator()(const Tensor& x0) const {
  if (kind == kNone) return x0;
  if (kind == kClamp || limit == 1) return x0.clamp(-1, 1);
  const Tensor bound = at::quantile(x0.flatten(1).abs(), quantile, 1).clamp(1, limit).view({-1, 1, 1, 1});
  return at::maximum(at::minimum(x0, bound), -bound) / bound;
}

Tensor noise_of(const NoiseSchedule& schedule, const Tensor& noisy, const Tensor& x0, int64_t t) {
  const Level now(schedule, t);
  return (noisy - now.signal * x0) / now.noise;
}

Denoised estimate(const NoiseSchedule& schedule, Prediction prediction, const Clipping& clipping, const Tensor& noisy,
                  const Tensor& output, int64_t t) {
  const Level now(schedule, t);
  switch (prediction) {
    case Prediction::kSample: return {clipping(output), noise_of(schedule, noisy, output, t)};
    case Prediction::kNoise:
      // Pure noise holds no information on the image: the estimate is the mean of images, 0.
      return {clipping(now.signal > 0 ? (noisy - now.noise * output) / now.signal : at::zeros_like(noisy)), output};
    default: return {clipping(now.signal * noisy - now.noise * output), now.signal * output + now.noise * noisy};
  }
}

Tensor ddim_step(const NoiseSchedule& schedule, const Denoised& estimate, int64_t t, int64_t previous, double eta,
                 const Tensor& fresh) {
  // In float32, like the original: at pure noise the share of the estimated noise is the root of a rounding error.
  const auto now = static_cast<float>(schedule.alpha_bar(t)), then = static_cast<float>(schedule.alpha_bar(previous));
  const float variance = (1 - then) / (1 - now) * (1 - now / then);
  const float sigma = static_cast<float>(eta) * std::sqrt(std::max(0.0F, variance));
  const float direction = std::sqrt(std::max(0.0F, 1 - then - sigma * sigma));
  const Tensor next = std::sqrt(then) * estimate.x0 + direction * estimate.noise;
  return sigma > 0 ? next + sigma * fresh : next;
}

Tensor ddpm_step(const NoiseSchedule& schedule, const Tensor& noisy, const Denoised& estimate, int64_t t,
                 int64_t previous, const Tensor& fresh) {
  const double now = schedule.alpha_bar(t), then = schedule.alpha_bar(previous), alpha = now / then;
  const Tensor mean =
      std::sqrt(then) * (1 - alpha) / (1 - now) * estimate.x0 + std::sqrt(alpha) * (1 - then) / (1 - now) * noisy;
  if (t == 0) return mean;
  const double variance = (1 - then) / (1 - now) * (1 - alpha);
  return mean + std::sqrt(std::max(variance, kSmallestVariance)) * fresh;
}

Tensor DpmSolver::step(const Tensor& noisy, const Tensor& x0, int64_t t, int64_t previous) {
  const Level now(*schedule_, t), then(*schedule_, previous);
  Tensor extrapolated = x0;
  // First order where the log-ratio is infinite: at pure noise, the step after it, and into the image itself.
  const double last_width = now.log_snr() - last_log_snr_, width = then.log_snr() - now.log_snr();
  if (last_x0_.defined() && std::isfinite(last_width) && std::isfinite(width))
    extrapolated = x0 + width / (2 * last_width) * (x0 - last_x0_);
  last_x0_ = x0;
  last_log_snr_ = now.log_snr();
  return then.noise / now.noise * noisy + (then.signal - then.noise * now.signal / now.noise) * extrapolated;
}

std::vector<int64_t> time_steps(int64_t steps, int64_t count, const std::string& spacing) {
  check_count(count, steps);
  std::vector<int64_t> times;
  const int64_t stride = steps / count;
  if (spacing == "trailing") {
    for (int64_t t = steps; t > 0; t -= stride) times.push_back(t - 1);
  } else if (spacing == "leading") {
    for (int64_t i = count - 1; i >= 0; --i) times.push_back(i * stride);
  } else {
    const double width = count > 1 ? static_cast<double>(steps - 1) / static_cast<double>(count - 1) : 0;
    for (int64_t i = 0; i < count; ++i)
      times.push_back(
          static_cast<int64_t>(std::nearbyint(static_cast<double>(steps) - static_cast<double>(i) * width)) - 1);
  }
  return times;
}

std::vector<int64_t> time_steps(const NoiseSchedule& schedule, const DecodeOptions& options) {
  const int64_t total = schedule.steps(), count = options.steps;
  check_count(count, total);
  std::string spacing = options.spacing;
  if (spacing == "auto")
    spacing = options.solver == "dpm++" ? "logsnr" : options.solver == "ddim" ? "trailing" : "leading";
  if (spacing != "logsnr") return time_steps(total, count, spacing);
  std::vector<int64_t> times{total - 1};
  const double low = std::max(kImageBegins, Level(schedule, total - 1).log_snr());
  const double high = std::max(low, std::min(kNoiseEnds, Level(schedule, 0).log_snr()));
  int64_t t = total - 1;
  for (int64_t i = 1; i < count && t > 0; ++i) {
    const double target =
        count > 2 ? low + (high - low) * static_cast<double>(i - 1) / static_cast<double>(count - 2) : (low + high) / 2;
    do --t;
    while (t > 0 && Level(schedule, t).log_snr() < target);
    times.push_back(t);
  }
  return times;
}

Tensor denoise(const NoiseSchedule& schedule, const DecodeOptions& options, const Tensor& noise,
               const std::function<Denoised(const Tensor& noisy, int64_t i)>& predict,
               const std::function<Tensor(int64_t i)>& fresh) {
  const std::vector<int64_t> times = time_steps(schedule, options);
  const auto count = static_cast<int64_t>(times.size());
  // The original steps by a fixed stride even where the next time step is another one.
  const bool takes_next = options.solver == "dpm++" || options.spacing == "logsnr";
  const int64_t stride = schedule.steps() / options.steps;
  DpmSolver dpm(schedule);
  Tensor x = noise;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t t = times[i], previous = !takes_next ? t - stride : i + 1 < count ? times[i + 1] : -1;
    const Denoised found = predict(x, i);
    if (options.solver == "dpm++") {
      x = dpm.step(x, found.x0, t, previous);
    } else if (options.solver == "ddim") {
      x = ddim_step(schedule, found, t, previous, options.eta, options.eta > 0 ? fresh(i) : Tensor());
    } else {
      x = ddpm_step(schedule, x, found, t, previous, t > 0 ? fresh(i) : Tensor());
    }
    if (options.on_step && !options.on_step(i + 1, count)) throw Stopped();
  }
  return x;
}

}  // namespace fourm
