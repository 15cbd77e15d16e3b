// Statistics of a data set: counts, sizes, classes, lengths and tokens, with a few samples to look at.
#pragma once

#include "fourm/core/json.h"
#include "fourm/data/check.h"
#include "fourm/io/image.h"

namespace fourm {

struct PreviewCell {
  std::string modality, text;
  Image image;  ///< RGB; empty for texts
};

struct DataStats {
  /// {"samples", "shards", "modalities": {NAME: {"files", "unreadable", "bytes", ...}}}, where images have "sizes",
  /// depth maps with holes "unknown" (share of the pixels), label maps "classes" (shares of the pixels), boxes "classes"
  /// (their numbers) and "boxes", captions "texts" and "words" ({least, mean, most}), tokens "crops", "length", "highest"
  /// and "used" (number of different ones).
  Json report;
  bool in_archives = false;  ///< the set is in shards, not in folders of files
  std::vector<std::pair<std::string, std::vector<PreviewCell>>> preview;  ///< sample -> its modalities
};

/// Files that cannot be read are counted and ignored. `preview`: samples to show, spread over the set.
DataStats data_stats(const std::string& path, int64_t preview = 12, int threads = 0);

/// Samples that one thread reads and masks in a second of processor time (128 input and 128 target tokens).
/// Modalities are those of PATH/modalities.yaml, captions and boxes.
double reading_speed(const std::string& path, const fs::path& text_tokenizer, double seconds);

}  // namespace fourm
