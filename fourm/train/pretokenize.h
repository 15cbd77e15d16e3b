// A data set of aligned files into shards of tokens (data/token_set.h), once, before training (paper section 2.1).
#pragma once

#include "fourm/core/config.h"
#include "fourm/data/crop.h"

namespace fourm {

struct PretokenizeOptions {
  std::string data;     ///< folders or shards (data/source.h): rgb, depth, ..., caption, det
  fs::path tokenizers;  ///< a tokenizer folder for each token modality, named after it: tok_depth@128
  fs::path out;
  int64_t crops = 1;  ///< of each sample: the middle, then random ones
  int64_t shard_size = 1000;
  uint64_t seed = 0;  ///< of the random crops
  CropOptions crop{};
  std::vector<int64_t> pixels{};  ///< sizes of rgb@SIZE; empty: those of tok_rgb, else the largest of any tokenizer
  bool skip_broken = false;       ///< leaves out samples with a broken file, and lists them at the end
  std::string device = "cpu";     ///< of the tokenizers
  fs::path clip{};  ///< image-text model that makes the features of tok_clip from rgb; empty: they are in clip/
  int64_t worker = 0, workers = 1;  ///< this one makes every `workers`-th shard, from the shard `worker` on

  template <class Visitor>
  void fields(Visitor& v) {
    v("crops", crops, "crops of each sample: the middle square, then random ones", at_least(1));
    v("min_crop_scale", crop.min_scale, "least part of the image's area in a random crop", Range{0.01, 1});
    v("flip", crop.flip, "probability of a horizontal flip of a random crop", Range{0, 1});
    v("seed", seed, "seed of the random crops");
    v("shard_size", shard_size, "samples per shard", at_least(1));
    v("pixels", pixels,
      "sizes of rgb@SIZE, separated by commas; default: those of tok_rgb, else the largest of the tokenizers",
      Range{1, 1 << 14});
    v("skip_broken", skip_broken, "leave out samples with a broken file and list them at the end");
    v("device", device,
      "cpu, cuda, cuda:N, or auto: a GPU where there is one; several GPUs: cuda:0,cuda:1 or cuda:all");
  }
};

/// Writes OUT/MODALITY/shard-00000.tar, ... with the tokens of every tokenizer, pixels of rgb, crop settings, and texts,
/// JSON and vectors as they are (captions and boxes are those of the whole image); and OUT/modalities.yaml. The size in
/// a tokenizer's name decides (tok_depth@256). A sample's images share its crops, which come from its crop_settings if
/// it has some, else from seed and name; a vector of a whole image belongs to every crop.
/// A sample of which a crop has no known pixel (known_pixels) gets no tokens of that modality; a warning counts them.
/// Warns of what is not carried over. Existing shards are kept, so that the same command resumes an interrupted
/// run; the bytes do not depend on that or on the workers. When samples were added or removed since, new ones go
/// into new shards, and only shards that lost a sample, or whose samples gained or lost a file, or have a file of another
/// size or time than before, are made again.
/// Error when OUT is the data set, in it or around it, when it holds shards of other settings, and, without skip_broken,
/// on the first broken file and when the images of a sample differ in size.
void pretokenize(const PretokenizeOptions& options);

}  // namespace fourm
