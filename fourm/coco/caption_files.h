// COCO's files of captions.
#pragma once

#include <filesystem>

#include "fourm/coco/caption_scores.h"
#include "fourm/core/json.h"

namespace fourm {

/// The captions of {"annotations": [{"image_id", "caption"}]} and the predicted ones of [{"image_id", "caption"}], as words, by
/// image id. Images without a prediction are left out, with a warning. Error on two predictions for an image, on one for an
/// image without captions, and on no predictions.
std::vector<CaptionWords> read_captions(const std::filesystem::path& annotations,
                                        const std::filesystem::path& predictions);

/// {"Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "CIDEr"}, pycocoevalcap's names.
Json to_json(const CaptionScores& scores);

}  // namespace fourm
