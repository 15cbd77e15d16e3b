// Solvers of the reverse diffusion process: DDPM (Ho et al. 2020) and DDIM (Song et al. 2021) as in the original
// (fourm/vq/scheduling), and the second-order multistep DPM-Solver++ (Lu et al. 2022).
#pragma once

#include <functional>
#include <vector>

#include "fourm/tokenizer/decode_options.h"
#include "fourm/tokenizer/noise_schedule.h"

namespace fourm {

/// The target of the denoiser. kVelocityNoise: it predicts velocity, with the loss on the noise that follows from it.
enum class Prediction { kSample, kNoise, kVelocity, kVelocityNoise };
/// sample, epsilon, v_prediction or v_prediction-epsilon_loss; Error on another name.
Prediction parse_prediction(const std::string& name);

/// Bounds on the predicted image.
struct Clipping {
  enum Kind { kNone, kClamp, kThreshold } kind = kNone;
  double quantile =
      0.995;         ///< kThreshold: values beyond this quantile of |x| are clamped and the rest scaled to [-1, 1],
  double limit = 1;  ///< where the quantile counts as 1 to `limit`: with 1 it is a clamp to [-1, 1]
  Tensor operator()(const Tensor& x0) const;
};

/// The denoiser's estimate of the image and the noise in a noisy image. Images, outputs and noises of this file are
/// [B, C, H, W]; t is a time step from 0 to schedule.steps() - 1.
struct Denoised {
  Tensor x0, noise;
};
/// Of the network's output at step t; x0 is clipped, the noise is not.
Denoised estimate(const NoiseSchedule& schedule, Prediction prediction, const Clipping& clipping, const Tensor& noisy,
                  const Tensor& output, int64_t t);
/// The noise that follows from x0.
Tensor noise_of(const NoiseSchedule& schedule, const Tensor& noisy, const Tensor& x0, int64_t t);

/// One step of DDIM from t to `previous` (negative: the image itself). `eta` is 0 (deterministic) to 1; `fresh` is noise
/// that is used when eta > 0.
Tensor ddim_step(const NoiseSchedule& schedule, const Denoised& estimate, int64_t t, int64_t previous, double eta,
                 const Tensor& fresh);
/// One step of DDPM from t to `previous`, as above. `fresh` is noise that is used when t > 0.
Tensor ddpm_step(const NoiseSchedule& schedule, const Tensor& noisy, const Denoised& estimate, int64_t t,
                 int64_t previous, const Tensor& fresh);

/// DPM-Solver++(2M): keeps the last x0 and extrapolates in half the log of the signal-to-noise ratio.
class DpmSolver {
 public:
  explicit DpmSolver(const NoiseSchedule& schedule) : schedule_(&schedule) {}
  Tensor step(const Tensor& noisy, const Tensor& x0, int64_t t, int64_t previous);

 private:
  const NoiseSchedule* schedule_;
  Tensor last_x0_;
  double last_log_snr_ = 0;
};

/// Time steps of the original, largest first. `spacing` is trailing, leading or linspace; Error on another. trailing may
/// return more than `count` when `count` does not divide `steps`.
std::vector<int64_t> time_steps(int64_t steps, int64_t count, const std::string& spacing);
/// The time steps of a solver: options.steps, fewer where they repeat, and by `trailing` more where they do not divide the schedule. logsnr: the last one, then steps evenly spaced in half the log of the
/// signal-to-noise ratio, from -2.5 (noise 12 times the image) to 3 (a 20th of it).
std::vector<int64_t> time_steps(const NoiseSchedule& schedule, const DecodeOptions& options);

/// Runs the solver from `noise` [B, C, H, W]. predict(noisy, i) is the estimate at the i-th of time_steps(schedule, options);
/// fresh(i) is the random draw of that step.
Tensor denoise(const NoiseSchedule& schedule, const DecodeOptions& options, const Tensor& noise,
               const std::function<Denoised(const Tensor& noisy, int64_t i)>& predict,
               const std::function<Tensor(int64_t i)>& fresh);

}  // namespace fourm
