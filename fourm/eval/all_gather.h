// Results of samples that are split over the processes of a group.
#pragma once

#include <vector>

#include "fourm/dist/process_group.h"
#include "fourm/generate/canvas.h"
#include "fourm/modality/transform.h"

namespace fourm {

/// The results of all processes, those of rank 0 first. Of canvases: generated tokens and texts, without numbers such as
/// patches, and without the crop.
std::vector<Canvas> all_gather(std::vector<Canvas> own, const ProcessGroup& group);
std::vector<StoredImage> all_gather(std::vector<StoredImage> own, const ProcessGroup& group);

}  // namespace fourm
