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

/// FID, Inception score, precision and recall where `real` is not empty, and the CLIP score where `clip` is not; a table, or JSON.
std::string measure_images(const ImageFiles& files, const std::string& device, bool json, const ProcessGroup& group);

/// COCO's measures as a table, or as JSON.
std::string measure_files(const CocoFiles& files, bool json);

}  // namespace fourm
