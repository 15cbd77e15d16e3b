// The samples that are generated for: one from given inputs, or many from a folder of files, a list of prompts or a data
// set.
#pragma once

#include <string>
#include <vector>

#include "fourm/data/source.h"
#include "fourm/generate/generation_record.h"
#include "fourm/generate/input.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

class SampleList {
 public:
  /// Each input is a value for all samples, or has one for each sample: a folder (one file for each sample, which has the
  /// file's name), "@FILE.txt" of several lines or "@FILE.tsv" with a header and a column "prompt", "caption" or "text"
  /// (otherwise the first): one line for each sample, named by its number from 0 on. Error on an empty line, and when
  /// inputs with one value for each sample name different samples.
  static SampleList of_inputs(const Pipeline& pipeline, const std::vector<Input>& inputs);
  /// The samples of a data set (data/source.h): `modalities` name its folders, or what the model reads. `constant` are
  /// further inputs, the same for all samples. Error when the set lacks a modality.
  static SampleList of_data(const Pipeline& pipeline, const std::string& data,
                            const std::vector<std::string>& modalities, const std::vector<Input>& constant);

  /// Variants of one sample: each has its name and inputs, and all have the random numbers of a single sample. The inputs
  /// of all are of the same modalities, parts and weights. `description` is what they were made from.
  static SampleList of_variants(std::vector<std::string> names, const std::vector<std::vector<Input>>& inputs,
                                std::vector<std::string> description);

  /// The one sample that a file was generated from.
  static SampleList of_record(const GenerationRecord& record);

  int64_t size() const { return static_cast<int64_t>(names_.size()); }
  bool is_single() const { return single_; }         ///< given inputs: the only sample has no name
  bool has_variants() const { return same_draws_; }  ///< whether it was made by of_variants()
  /// "kitchen", "class/kitchen", "0003".
  const std::string& name(int64_t sample) const { return names_[static_cast<size_t>(sample)]; }
  /// The name; of the sample of a record the one that it had.
  const std::string& recorded_name(int64_t sample) const { return record_ ? record_->sample : name(sample); }
  /// The key of the random numbers of a variation.
  uint64_t key(int64_t sample, int64_t variation) const;
  /// The inputs of a sample as they are given; of a data set the values are "@" and the file.
  std::vector<Input> inputs(int64_t sample) const;
  /// Error when what all samples share cannot be read: an input with one value, a region to keep, a modality that is given
  /// twice.
  void check_shared(const Pipeline& pipeline, const DepthUnits& units = DepthUnits()) const;
  /// What a sample is generated from, so that a later change is noticed: its inputs, each followed by the mask of its
  /// `keep`. Nothing of it is decoded.
  struct Content {
    std::string what{};    ///< the file, or the modality of a text
    std::string sha256{};  ///< empty where the file cannot be read
  };
  std::vector<Content> contents(const Pipeline& pipeline, int64_t sample, const DepthUnits& units = DepthUnits()) const;
  /// What the list was made from, as text: an input each, with the folder, list or data set for a value.
  std::vector<std::string> description() const;
  /// A canvas with the inputs of the sample. Error when a file cannot be read.
  Canvas canvas(const Pipeline& pipeline, int64_t sample, const DepthUnits& units = DepthUnits()) const;

 private:
  struct Column {
    Input input;                      // its value is that of all samples where `values` is empty
    std::vector<std::string> values;  // one for each sample
  };
  std::vector<std::string> names_;
  bool single_ = false;
  bool same_draws_ = false;               // variants: samples have the same random numbers
  std::vector<std::string> made_from_{};  // of variants
  std::vector<Column> columns_;
  std::optional<Source> source_{};
  std::optional<GenerationRecord> record_{};
  std::vector<std::pair<std::string, std::string>> folders_{};  // modality of the set, input of the model
};

}  // namespace fourm
