// One labelled image of what was generated and what it was generated from.
#pragma once

#include "fourm/draw/gallery.h"
#include "fourm/generate/batch.h"

namespace fourm {

inline constexpr int64_t kMostSheetRows = 100;

/// What a contact sheet is made from.
struct SheetSource {
  const Pipeline& pipeline;
  const Pipeline* super_resolution;  ///< the model of the second stage, or null
  const SampleList& samples;
  const GenerationSettings& settings;
  const BatchReport& report;               ///< of all results, those of earlier runs too
  fs::path out;                            ///< the folder of the results
  std::vector<std::string> class_names{};  ///< of the labels of semantic maps (data/data_facts.h)
  const DepthUnits* units = nullptr;       ///< of inputs; null: as dataset.yaml states them
};

/// One row for each sample and variation, at most kMostSheetRows; the closing words count those that are left out. Inputs come first:
/// images with what is not kept greyed out, boxes drawn, texts as words. Results are read from their files. Semantic maps have a
/// legend, depth a scale. What cannot be shown has a line that says why.
Gallery contact_sheet(const SheetSource& source);

}  // namespace fourm
