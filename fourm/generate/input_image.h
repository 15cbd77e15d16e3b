// What an input on a canvas looks like.
#pragma once

#include <optional>

#include "fourm/generate/pipeline.h"

namespace fourm {

/// Pixels and grids of tokens as images of 3 channels, boxes drawn on grey. Nothing for other texts, vectors, and tokens
/// that are partly unknown or without a tokenizer.
std::optional<Image> input_image(const Pipeline& pipeline, const Canvas& canvas, const Canvas::Entry& entry);

}  // namespace fourm
