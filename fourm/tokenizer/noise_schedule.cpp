#include "fourm/tokenizer/noise_schedule.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

constexpr double kFirstBeta = 1e-4, kLastBeta = 0.02, kLargestBeta = 0.999, kLargestLogSnr = 15;
constexpr std::string_view kShifted = "shifted_cosine:";

double squared_cosine(double u) {
  const double c = std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2);
  return c * c;
}

// float32 tables in float32 arithmetic: rounding near alpha_bar = 1 is part of what released decoders were trained with.
Tensor beta_table(const std::string& name, int64_t steps) {
  if (name == "linear") return at::linspace(kFirstBeta, kLastBeta, steps, at::kFloat);
  if (name == "scaled_linear")
    return at::linspace(std::sqrt(kFirstBeta), std::sqrt(kLastBeta), steps, at::kFloat).square();
  if (name == "sigmoid")
    return at::linspace(-6, 6, steps, at::kFloat).sigmoid() * (kLastBeta - kFirstBeta) + kFirstBeta;
  if (name == "squaredcos_cap_v2") {
    std::vector<float> betas;
    const auto n = static_cast<double>(steps);
    for (int64_t i = 0; i < steps; ++i) {
      const double u = static_cast<double>(i);
      betas.push_back(
          static_cast<float>(std::min(1 - squared_cosine((u + 1) / n) / squared_cosine(u / n), kLargestBeta)));
    }
    return at::tensor(betas);
  }
  fail("beta_schedule is ", printable(name),
       ", expected linear, scaled_linear, squaredcos_cap_v2, sigmoid or shifted_cosine:S (such as shifted_cosine:0.5)");
}

// Shifts and scales sqrt(alpha_bar) so that it ends at 0 and starts where it did.
Tensor with_zero_terminal_snr(const Tensor& betas) {
  Tensor root = at::cumprod(1 - betas, 0).sqrt();
  const Tensor first = root[0].clone(), last = root[-1].clone();
  root = (root - last) * (first / (first - last));
  const Tensor alpha_bar = root.square();
  const Tensor alphas = at::cat({alpha_bar.slice(0, 0, 1), alpha_bar.slice(0, 1) / alpha_bar.slice(0, 0, -1)});
  return 1 - alphas;
}

Tensor shifted_cosine(double shift, int64_t steps) {
  // float32 times in float64 arithmetic, like the original: at pure noise DDIM takes roots of the table's last bits.
  const Tensor u = at::linspace(0, 1, steps, at::kFloat).to(at::kDouble);
  const Tensor log_snr = -2 * ((std::numbers::pi * u / 2).tan().log() + std::log(shift));
  Tensor alpha_bar = log_snr.clamp(-kLargestLogSnr, kLargestLogSnr).to(at::kFloat).sigmoid();
  alpha_bar[-1] = 0;
  return alpha_bar;
}

}  // namespace

NoiseSchedule::NoiseSchedule(const std::string& betas, int64_t steps, bool zero_terminal_snr) {
  check(steps > 1, "num_train_timesteps is ", steps, ", expected at least 2");
  if (betas.starts_with(kShifted)) {
    const std::string number = betas.substr(kShifted.size());
    double shift = 0;
    const auto end = number.data() + number.size();
    check(std::from_chars(number.data(), end, shift).ptr == end && std::isfinite(shift) && shift > 0,
          "beta_schedule is ", printable(betas), ", expected a positive number after shifted_cosine:");
    alpha_bar_ = shifted_cosine(shift, steps);
    return;
  }
  const Tensor table = beta_table(betas, steps);
  alpha_bar_ = at::cumprod(1 - (zero_terminal_snr ? with_zero_terminal_snr(table) : table), 0);
}

double NoiseSchedule::alpha_bar(int64_t t) const { return t < 0 ? 1 : alpha_bar_[t].item<float>(); }

NoiseSchedule::Factors NoiseSchedule::factors(const Tensor& t, at::Device device) const {
  const Tensor kept = alpha_bar_.index_select(0, t.cpu()).view({-1, 1, 1, 1}).to(device);
  return {kept.sqrt(), (1 - kept).sqrt()};
}

Tensor NoiseSchedule::add_noise(const Tensor& x0, const Tensor& noise, const Tensor& t) const {
  const Factors s = factors(t, x0.device());
  return s.signal * x0 + s.noise * noise;
}

Tensor NoiseSchedule::velocity(const Tensor& x0, const Tensor& noise, const Tensor& t) const {
  const Factors s = factors(t, x0.device());
  return s.signal * noise - s.noise * x0;
}

Tensor NoiseSchedule::noise_of_velocity(const Tensor& noisy, const Tensor& velocity, const Tensor& t) const {
  const Factors s = factors(t, noisy.device());
  return s.signal * velocity + s.noise * noisy;
}

}  // namespace fourm
