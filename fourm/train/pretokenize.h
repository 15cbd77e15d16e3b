// A data set of aligned files into shards of tokens (data/token_set.h), once, before training (paper section 2.1).
#pragma once

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
  int64_t worker = 0, workers = 1;  ///< this one makes every `workers`-th shard, from the shard `worker` on
};

/// Writes OUT/MODALITY/shard-00000.tar, ... with the tokens of every tokenizer, pixels of rgb at the tokenizers' sizes,
/// crop settings, captions and boxes (those of the whole picture), and OUT/modalities.yaml. A sample's pictures share
/// its crops, which come from its crop_settings if it has some, else from seed and name. Shards that are there are
/// kept, so that the same command goes on where it stopped; the bytes do not depend on that or on the workers.
/// Error when OUT holds shards of other settings, and when the pictures of a sample differ in size.
void pretokenize(const PretokenizeOptions& options);

}  // namespace fourm
