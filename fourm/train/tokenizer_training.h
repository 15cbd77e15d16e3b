// Training and measuring tokenizers of images (paper appendix B.3, Table 3): the recipe of `fourm tokenizer train`,
// and what it runs.
#pragma once

#include "fourm/data/crop.h"
#include "fourm/dist/process_group.h"
#include "fourm/tokenizer/image_tokenizer.h"
#include "fourm/train/config.h"

namespace fourm {

struct TokenizerRecipe {
  std::string out, data, eval_data, start_from, loss = "mse";
  uint64_t seed = 0;
  int64_t size = 128, crops = 1, eval_crops = 1, batch = 32;
  std::optional<int64_t> eval_images;
  std::vector<int64_t> sizes;
  bool flip = true;
  std::vector<double> crop_scale{0.8, 1}, crop_ratio{3.0 / 4, 4.0 / 3};
  double codebook_weight = 1, dead_code_coef = 32;
  TokenizerConfig tokenizer = TokenizerConfig::of_recipe();
  TrainingConfig training;

  template <class V>
  void fields(V& v) {
    v("out", out, "the run folder; the same command resumes an interrupted run", KeyRole::kChangeable);
    v("data", data, "folder of images of one kind", KeyRole::kChangeable);
    v("eval_data", eval_data, "folder of held-out images; empty: the last ones of 'data' are held out",
      KeyRole::kChangeable);
    v("start_from", start_from,
      "a tokenizer whose config and weights training begins with; of 'tokenizer' only 'input' is read then, where that "
      "tokenizer does not say what it reads. Position tables are computed again where the size of training (the "
      "largest of `sizes`) is not its image_size, but for features",
      KeyRole::kChangeable);
    v("loss", loss,
      "reconstruction loss; cross_entropy is for labels, cosine and cosine_1d for features, binary_cross_entropy for "
      "masks",
      OneOf{{"mse", "l1", "smooth_l1", "cross_entropy", "cosine", "cosine_1d", "binary_cross_entropy"}});
    v("seed", seed, "seed of weights, order, flips and restarts");
    v("size", size, "pixels per side; images are cut square and resized. Feature maps keep their own size",
      Range{1, 4096});
    v("sizes", sizes, "several resolutions: each micro-batch has one of these sizes; needs crops = 0", Range{1, 4096});
    v("crops", crops,
      "1: the middle square of each image; more: random crops, that many for each `size` pixels of its shorter side; "
      "0: a new random crop at each use, read from the file every time",
      at_least(0));
    v("crop_scale", crop_scale,
      "minimum and maximum area of a random crop, over the area of the image (paper Table 3: 0.8 and 1)", Range{0, 1});
    v("crop_ratio", crop_ratio,
      "minimum and maximum width over height of a random crop, which is then resized to a square (paper Table 3: 3/4, "
      "4/3)",
      at_least(0));
    v("eval_crops", eval_crops, "crops for evaluations, 1 or more", KeyRole::kChangeable, at_least(1));
    v("eval_images", eval_images,
      "image files of an evaluation; default: 256, and at most a tenth of 'data' where they are held out of it",
      at_least(0));
    v("batch", batch, "images per micro-batch", at_least(1));
    v("flip", flip, "mirror half of the images");
    v("codebook_weight", codebook_weight, "weight of the code loss", at_least(0));
    v("dead_code_coef", dead_code_coef,
      "a code used less than 1/coef of uniform usage (tokens of a step / codebook size) is restarted; 0: never",
      at_least(0));
    v("tokenizer", tokenizer, "encoder, quantiser, decoder and input");
    v("training", training, "the training loop");
  }
  /// smallest_crop, a share of a side, becomes crop_scale and crop_ratio. tokenizer.threshold_ema_dead_code is left out
  /// with a warning: the threshold of training follows from dead_code_coef.
  static void migrate(YAML::Node& node, const std::string& origin);
  /// Runs begun before codebooks were updated once a step are resumed where that is the same (train/run.h). Error where
  /// start_from gave position tables of another size.
  void migrate_run(YAML::Node& stored, const std::string& origin, int format) const;
};

/// The running usage below which a code is restarted: batch * tokens an image / (dead_code_coef * codebook_size), where
/// the batch is that of a whole step (paper appendix B.3). 0: never. The tokens of feature maps are counted in the first
/// file of `data`, since maps are not resized to `size`.
double dead_code_threshold(const TokenizerRecipe& recipe);

/// The recipe as training runs it, with the tokenizer of `start_from`, once all of it is checked that can be checked
/// without reading images or weights.
TokenizerRecipe resolved(const TokenizerRecipe& recipe);

/// Trains and leaves the tokenizer in OUT/model. All processes of the group call it.
Outcome train_tokenizer(const TokenizerRecipe& recipe, const StopToken& stop = {}, const ProcessGroup& group = {});

/// Squares of `size` pixels of the image files, as TokenizerRecipe::crops (1 or more) says.
std::vector<StoredImage> load_squares(const InputConfig& input, const std::vector<fs::path>& files, int64_t size,
                                      int64_t crops, uint64_t seed, const CropOptions& crop = {},
                                      const DepthUnits& units = DepthUnits());
/// The files of a folder and the folders below it that may hold images or maps (io/image_file.h).
std::vector<fs::path> training_images(const fs::path& folder);

struct ReconstructionReport {
  /// rgb, grey: psnr, ssim, psnr_block_mean; normal: these and mean_angle; depth: abs_rel, delta1, or standardised_l1;
  /// semseg, mask: miou, accuracy; features: cosine. Always: usage, perplexity. Only known pixels count (known_pixels); images without
  /// any count nowhere.
  std::map<std::string, double> measures;
  std::vector<StoredImage> reconstructions;
};
/// Encodes and decodes the images; `options` are for diffusion decoders.
ReconstructionReport evaluate_tokenizer(const ImageTokenizer& tokenizer, const std::vector<StoredImage>& images,
                                        const DecodeOptions& options = {});

}  // namespace fourm
