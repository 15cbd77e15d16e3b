// The weights that a run starts from: those of another model, where they fit.
#pragma once

#include "fourm/model/model_file.h"
#include "fourm/text/wordpiece.h"

namespace fourm {

/// A new model takes over the tensors of the model `start` that have the same name and shape. Modalities, image size and
/// patch size may differ: tensors that `start` lacks keep their new values, and so do those of a modality that have another
/// shape there, but for two kinds:
///
/// - Learned positions of a square grid are resized to the new grid by bicubic interpolation, as in the original
///   (fourm/utils/pos_embed.py). Fixed ones are those of the new size.
/// - Where `text`, the tokenizer of the new model, is not that of `start` (its tokenizer.json), the rows of texts go by the
///   token and not by its number; tokens that `start` lacks keep their new rows.
///
/// Notes and warnings name what is taken, resized, fresh and left behind. Error naming the keys that make `start` another
/// model (width, depth, ...), and when none of its tensors fits.
void take_weights(FourM& model, const fs::path& start, const WordPiece* text = nullptr);

/// A new model of this shape with the weights of `start`.
FourM model_from(const fs::path& start, const ModelConfig& config, const ModalityTable& table, uint64_t seed,
                 at::Device device = at::kCPU, const WordPiece* text = nullptr);

}  // namespace fourm
