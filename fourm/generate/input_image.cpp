#include "fourm/generate/input_image.h"

#include <algorithm>

#include "fourm/data/modality_file.h"
#include "fourm/draw/box_image.h"

namespace fourm {

constexpr int kBoxImageSide = 320;

std::optional<Image> input_image(const Pipeline& pipeline, const Canvas& canvas, const Canvas::Entry& entry) {
  const Modality modality = pipeline.modality(entry.modality);
  if (modality.kind == ModalityKind::kPixels) return patches_image(entry.data, modality);
  if (base_name(entry.modality) == "det" && pipeline.has_text_tokenizer())
    return draw_boxes(Image(8, 8, 3, 96), pipeline.boxes(canvas, entry.name), kBoxImageSide);
  if (modality.kind != ModalityKind::kTokens || !entry.is_whole() || !pipeline.has_tokenizer(entry.modality)) return {};
  Canvas alone;
  alone.add_known(entry.modality, entry.data);
  return pipeline.visualize(alone, entry.modality);
}

}  // namespace fourm
