// `fourm eval` of predictions that are files already, without a model.
#pragma once

#include <cstdint>
#include <string>

#include "fourm/dist/process_group.h"

namespace fourm {

struct CocoFiles {
  std::string annotations, predictions, kind = "bbox";
};

struct ImageFiles {
  std::string generated, real, inception, clip, captions, store;
  int64_t resize = 0;  ///< pixels a side; 0: images as they are
};

/// With `inception`: FID, Inception score, precision and recall. With `real` and `clip` alone: the Fréchet distance of CLIP's
/// embeddings. With `clip` and captions, or without `real`: the CLIP score. A table, or JSON.
std::string measure_images(const ImageFiles& files, const std::string& device, bool json, const ProcessGroup& group);

/// COCO's measures as a table, or as JSON.
std::string measure_files(const CocoFiles& files, bool json);

}  // namespace fourm
