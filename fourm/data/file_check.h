// Validation of one file of a data set, as part of the validation of the set (data/check.h).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/data/check.h"
#include "fourm/data/crop.h"
#include "fourm/modality/depth.h"

namespace fourm {

/// A fault of a file, without the name of the file.
struct FileFault : Error {
  FileFault(const std::string& problem, std::string what_to_do) : Error(problem), remedy(std::move(what_to_do)) {}
  std::string remedy;
};

/// What one file shows that other files of its sample, or the same modality of other samples, must agree with.
struct FileFacts {
  int64_t width = 0, height = 0;  ///< of an image
  int64_t crops = 0, tokens = 0;
  std::vector<CropView> views;                  ///< of crop_settings
  std::map<std::string, std::string> warnings;  ///< of reading it, by modality and topic
  std::string follows_crop;                     ///< the modality that training cuts with the image; empty: none
  int64_t texts_of_crops = 0;                   ///< of a modality that needs one for each crop
};

/// What is known of the crops of a sample.
struct CheckedCrops {
  std::vector<CropView> views;                            ///< from crop_settings
  std::function<std::optional<CropView>()> default_view;  ///< without them
};

class FileCheck {
 public:
  /// `source` and the text tokenizer of the options must outlive it.
  FileCheck(const Source& source, const DataFacts& facts, const CheckOptions& options);
  /// Reads all that training can read of the file. FileFault when that fails. May be called from several threads.
  FileFacts operator()(int64_t sample, const std::string& modality, const CheckedCrops& crops) const;

 private:
  FileFacts facts_of(int64_t sample, const std::string& modality, const CheckedCrops& crops) const;
  void read(const Modality& modality, const std::string& extension, const std::string& bytes,
            const CheckedCrops& sample, FileFacts& facts) const;

  const Source& source_;
  DepthUnits units_;
  int64_t classes_;
  const WordPiece* text_;
  int64_t bins_;
  std::map<std::string, std::vector<Modality>> rows_;  // folder -> the modalities that are read from it
};

}  // namespace fourm
