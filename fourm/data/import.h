// Data sets in layouts of their own, copied into the layout of folders (data/source.h).
#pragma once

#include "fourm/core/file.h"

namespace fourm {

/// COCO's panoptic labels: `annotations` (panoptic_val2017.json) with its maps in the folder of the same name beside it, whose
/// colours are segments, and their images. Writes rgb/NAME.jpg, semseg/NAME.png with the place of the category of each pixel by id
/// (133 classes; 255 outside of all segments), and dataset.yaml with their names. Returns the number of images.
int64_t import_coco_panoptic(const fs::path& images, const fs::path& annotations, const fs::path& out);

/// DIODE: NAME.png, NAME_depth.npy and NAME_depth_mask.npy anywhere below `path`, NAME_normal.npy anywhere below `normals`, which
/// are an archive of their own. Writes rgb/NAME.png, depth/NAME.npy (metres, 0 where the mask is) and normal/NAME.png (black where
/// unknown). The axes of normals get the signs that fit the slopes of the depth: x right, y up, z toward the viewer. Returns
/// the number of images.
int64_t import_diode(const fs::path& path, const fs::path& normals, const fs::path& out);

}  // namespace fourm
