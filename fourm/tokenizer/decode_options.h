// Options of diffusion decoders; other decoders have none. Without tensor headers, for the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "fourm/core/config.h"

namespace fourm {

struct DecodeOptions {
  std::string solver = "dpm++", spacing = "auto";
  int64_t steps = 8;
  double eta = 0;
  uint64_t seed = 0;
  int64_t tile = 0;
  /// Called after each denoising step (1 to `steps`), by several threads where several devices decode; false ends the
  /// decoding by throwing Stopped.
  std::function<bool(int64_t step, int64_t steps)> on_step{};

  template <class V>
  void fields(V& v) {
    v("solver", solver, "solver of the diffusion; dpm++ needs the fewest steps", OneOf{{"dpm++", "ddim", "ddpm"}});
    v("steps", steps, "denoising steps", Range{1, 10000});
    v("spacing", spacing,
      "spacing of time steps: trailing, leading or linspace in time, logsnr in the signal-to-noise ratio; auto: dpm++ "
      "logsnr, "
      "ddim trailing, ddpm leading",
      OneOf{{"auto", "trailing", "leading", "linspace", "logsnr"}});
    v("eta", eta, "ddim: factor of the fresh noise of each step", Range{0, 1});
    v("seed", seed, "seed of the noise; the same tokens and seed give the same image");
    v("tile", tile, "pixels per side of overlapping tiles; 0: whole images up to a megapixel, above in tiles of 512",
      Range{0, 65536});
  }
};

}  // namespace fourm
