// Options of diffusion decoders; other decoders have none. Without tensor headers, for the command line.
#pragma once

#include <cstdint>
#include <string>

namespace fourm {

struct DecodeOptions {
  std::string solver = "dpm++", spacing = "auto";
  int64_t steps = 8;
  double eta = 0;
  uint64_t seed = 0;
  int64_t tile = 0;

  template <class V>
  void fields(V& v) {
    v("solver", solver, "dpm++ (few steps), ddim or ddpm");
    v("steps", steps, "denoising steps");
    v("spacing", spacing,
      "of time steps: trailing, leading or linspace in time, logsnr in the signal-to-noise ratio; auto: dpm++ logsnr, "
      "ddim trailing, ddpm leading");
    v("eta", eta, "ddim: amount of new noise in each step, 0 (deterministic) to 1");
    v("seed", seed, "of the noise; the image follows from tokens and seed");
    v("tile", tile, "pixels a side of overlapping tiles; 0: whole images up to a megapixel, above in tiles of 512");
  }
  /// Error naming the key for invalid values.
  void validate() const;
};

}  // namespace fourm
