// Probing of a model: one input, or two, changed over values while everything else and the random draws stay the same
// (paper Fig. 5, 18 and 19, appendix A.4).
#pragma once

#include <map>

#include "fourm/draw/gallery.h"
#include "fourm/generate/batch.h"
#include "fourm/probe/editable_input.h"

namespace fourm {

class Probe {
 public:
  /// One or two variations; two make a table, also when both change the same input. A variation by whole values may be of
  /// a modality that is not among the inputs. The pipeline and `units` must outlive the probe. Error naming the variation that
  /// cannot be applied.
  Probe(const Pipeline& pipeline, std::vector<Input> inputs, std::vector<Variation> variations,
        const DepthUnits* units = nullptr);

  /// A sample for each combination of values, the values of the first variation next to each other, named by its numbers
  /// and values: "0_red", "1_green"; with two variations "0_red_0_bed", the row first. Semantic maps that are changed are written to FOLDER/inputs.
  SampleList samples(const fs::path& folder, bool overwrite = false) const;

  /// The results as one figure: a column for each value of the first variation, rows for the changed input and each
  /// target, for each value of the second. `samples` and `report` are of the generation, with its files in FOLDER.
  /// `class_names`: of the labels of semantic maps.
  Gallery figure(const SampleList& samples, const BatchReport& report, const fs::path& folder,
                 const std::vector<std::string>& class_names = {}) const;

 private:
  size_t columns() const { return variations_[0].size(); }
  size_t rows() const { return variations_.size() > 1 ? variations_[1].size() : 1; }
  std::vector<Input> variant(size_t column, size_t row, const fs::path& file, bool overwrite) const;
  GalleryRow input_row(const std::string& modality, const SampleList& samples, size_t row) const;
  std::vector<GalleryRow> result_rows(const BatchReport& report, const fs::path& folder,
                                      const std::vector<std::string>& class_names, size_t row) const;

  const Pipeline& pipeline_;
  DepthUnits own_units_;
  const DepthUnits& units_;
  std::vector<Input> inputs_;
  std::vector<Variation> variations_;
  std::vector<size_t> places_;                // of the varied inputs, one a variation
  std::map<size_t, EditableInput> editable_;  // by place
};

}  // namespace fourm
