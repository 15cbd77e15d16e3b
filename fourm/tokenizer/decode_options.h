// How diffusion tokenizers turn tokens into images. Plain: the command line reads it. Other decoders take no options.
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
    v("solver", solver, "dpm++ (few steps suffice), ddim or ddpm");
    v("steps", steps, "denoising steps");
    v("spacing", spacing,
      "of time steps: trailing, leading or linspace in time, logsnr in the signal-to-noise ratio; auto: dpm++ logsnr, "
      "ddim trailing, ddpm leading");
    v("eta", eta, "ddim: share of fresh noise in each step, 0 to 1");
    v("seed", seed, "of the noise; the same tokens and seed give the same image");
    v("tile", tile, "pixels a side of overlapping tiles; 0: whole images up to a megapixel, above in tiles of 512");
  }
  /// Error on a value that cannot be.
  void validate() const;
};

}  // namespace fourm
