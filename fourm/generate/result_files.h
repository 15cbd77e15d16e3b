// The files of what was generated, and their names.
#pragma once

#include "fourm/generate/pipeline.h"

namespace fourm {

/// A sample and the number of one of its variations.
struct ResultPlace {
  std::string sample{};  ///< "": the only sample
  int64_t variation = 0;
};

class ResultFiles {
 public:
  /// For the results of these modalities. `variations`: how many each sample has.
  ResultFiles(const Pipeline& pipeline, fs::path folder, const std::vector<std::string>& modalities,
              int64_t variations);

  /// FOLDER/WHAT.png of the only sample, FOLDER/WHAT/SAMPLE.png of one of many; FOLDER/WHAT_2.png of a variation.
  fs::path path(const std::string& what, const ResultPlace& place, const std::string& extension) const;
  /// "depth" of "tok_depth@128" where it is unique among the modalities, else the whole name.
  std::string short_name(const std::string& modality) const;

  /// A file that results of the modality would replace or stand beside: of many samples any in FOLDER/WHAT, of the only
  /// sample FOLDER/WHAT.* and FOLDER/WHAT_*. Empty when there is none.
  fs::path existing(const std::string& modality, bool is_single) const;

  /// Removes what a killed process left of files of these samples.
  void remove_temporary(const std::vector<std::string>& samples) const;

  /// MODALITY.npy, the token ids [L]. Of a sequence with a text tokenizer also NAME.txt, and NAME.json as a data set has it
  /// (docs/data.md): of boxes, metadata, palettes and poses. Boxes whose corners are in the wrong order are left out; they
  /// lie in the square that the file states. Palettes and boxes have an image NAME.png. Returns the files.
  std::vector<fs::path> write_tokens(const Canvas& canvas, const std::string& modality, const ResultPlace& place) const;

  /// The decoded image, NAME.png, and where that is no data: NAME_16bit.png or NAME.npy of depth, NAME_labels.png, NAME.npy
  /// of features. Of SAM instances and poses a drawing, with masks and skeletons where their tokenizer is there, and of SAM
  /// instances NAME.json (docs/generation.md). Nothing without a tokenizer. Returns the files, the one to look at first.
  std::vector<fs::path> write_decoded(const Canvas& canvas, const std::string& modality, const ResultPlace& place,
                                      const TextChunks& recipe = {}, const DecodeOptions& decoding = {}) const;

 private:
  // Whether a file of FOLDER is a result of the only sample.
  bool is_single_result(const std::string& file, const std::string& modality) const;
  std::vector<fs::path> write_sam(const Canvas& canvas, const std::string& modality, const ResultPlace& place,
                                  const DecodeOptions& decoding) const;
  std::vector<fs::path> write_pose_image(const Canvas& canvas, const std::string& modality, const ResultPlace& place,
                                         const DecodeOptions& decoding) const;
  const Pipeline& pipeline_;
  fs::path folder_;
  std::vector<std::string> modalities_;
  int64_t variations_;
};

/// The image of a result in a figure, `width` pixels wide (draw_map), from the files that write_tokens and write_decoded returned. Nothing
/// where none of them is an image.
std::optional<Image> result_image(const Pipeline& pipeline, const std::string& modality,
                                  const std::vector<fs::path>& files, const std::vector<std::string>& class_names,
                                  int width);

/// What a canvas looks like: its pixels, or the image that its RGB tokens stand for; grey where it has neither.
Image canvas_image(const Pipeline& pipeline, const Canvas& canvas);

}  // namespace fourm
