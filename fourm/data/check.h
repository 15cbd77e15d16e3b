// Validation of a data set. Faults are broken, mis-sized and out-of-range files, each with its remedy. Warnings name files, or
// parts of files, that training leaves out.
#pragma once

#include <optional>

#include "fourm/data/data_facts.h"
#include "fourm/data/masking.h"
#include "fourm/data/source.h"
#include "fourm/modality/modality.h"
#include "fourm/text/wordpiece.h"

namespace fourm {

struct CheckOptions {
  int64_t classes = 0;      ///< labels of semseg are below it (255 = none is allowed); 0: as DataFacts says
  bool missing_ok = false;  ///< no warnings about modalities that samples or the set lack
  int threads = 0;
  /// The modalities that a model reads from the set. Their files are read as training reads them; so are those of the set's
  /// own modalities.yaml, and of official modalities under their own names.
  std::vector<Modality> modalities = {};
  /// The part of the set that training reads, with `table`. Errors of training are then faults, and its warnings are
  /// warnings: a modality that the whole set lacks, samples without any target, unused masking components.
  std::optional<SetRecipe> recipe = {};
  const ModalityTable* table = nullptr;
  int64_t image_size = 224, patch_size = 16;  ///< of the model, for modalities that do not fix their own
  const WordPiece* text = nullptr;            ///< text tokenizer; without it texts are read but not turned into ids

  template <class Visitor>
  void fields(Visitor& v) {
    v("classes", classes, "labels of semseg end below this; 0: as dataset.yaml says", Range{0, 1 << 16});
    v("missing_ok", missing_ok, "no warning about samples that lack modalities");
    v("threads", threads, "0: one for each processor", Range{0, 4096});
  }
};

struct CheckReport {
  std::vector<Fault> faults;    ///< errors of training
  std::vector<Fault> warnings;  ///< files that training leaves out
  int64_t samples = 0, files = 0;
};

CheckReport check_data(const std::string& path, const CheckOptions& options);

}  // namespace fourm
