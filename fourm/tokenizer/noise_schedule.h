// The noise schedule of the forward diffusion process (Ho et al. 2020; cosine: Nichol and
// Dhariwal 2021; zero terminal SNR: Lin et al. 2023; shifted cosine: Hoogeboom et al. 2023). The original:
// fourm/vq/scheduling/scheduling_utils.py and scheduling_ddpm.py.
#pragma once

#include <string>

#include "fourm/core/tensor.h"

namespace fourm {

class NoiseSchedule {
 public:
  /// `betas`: linear, scaled_linear, squaredcos_cap_v2, sigmoid or shifted_cosine:S (always of zero terminal SNR; S < 1:
  /// less noise). Error on another name.
  NoiseSchedule(const std::string& betas, int64_t steps, bool zero_terminal_snr);

  int64_t steps() const { return alpha_bar_.size(0); }
  const Tensor& alpha_bar() const { return alpha_bar_; }  ///< [T], the cumulative product of alphas
  double alpha_bar(int64_t t) const;                      ///< 1 before the first step (t < 0)

  // Tensors [B, C, H, W], t Long [B] or [1].
  Tensor add_noise(const Tensor& x0, const Tensor& noise, const Tensor& t) const;
  Tensor velocity(const Tensor& x0, const Tensor& noise, const Tensor& t) const;
  Tensor noise_of_velocity(const Tensor& noisy, const Tensor& velocity, const Tensor& t) const;

 private:
  struct Factors {
    Tensor signal, noise;  // sqrt(alpha_bar) and sqrt(1 - alpha_bar), [B, 1, 1, 1]
  };
  Factors factors(const Tensor& t, at::Device device) const;

  Tensor alpha_bar_;
};

}  // namespace fourm
