// A data set as tokens, read when a sample is visited: a file a sample, in folders or tar shards (data/source.h), as
// `fourm tokenize` and the original write them:
//
//   tok_depth@128/NAME.npy     integers [C, L]
//   rgb@128/NAME.npy           U8 [C, S, S, 3]; or rgb/NAME.jpg, cropped when read
//   crop_settings/NAME.npy     [C, 5]: top, left, height, width, flip
//   caption/NAME.json or .txt, t5_caption/NAME.npz: one for all crops, one a crop, or any number
//   det/NAME.json, metadata/NAME.json, ...: of the whole image
//   dataset.yaml, modalities.yaml, made_from.json: what the set is (optional)
//
// Crops of one number belong together in all modalities; boxes are cut as they are.
#pragma once

#include <memory>

#include "fourm/data/modality_file.h"
#include "fourm/data/source.h"

namespace fourm {

struct TokenSetOptions {
  /// Caption (or embedding) k belongs to crop k where there are as many of them as crops; otherwise any fits. Text k of
  /// sam_instance always belongs to crop k; with another number of texts than crops it is left out, with a warning.
  bool aligned_captions = true;
  /// Draws one of the crops. False: crop 0, which the original evaluates on.
  bool random_crop = true;
};

/// Whether texts are about the whole image and not about a crop of it: as `texts` of dataset.yaml says (whole_image or
/// crops), which `fourm data convert` writes; without it, whether `fourm tokenize` wrote the set.
bool has_whole_image_texts(const Source& source);

/// The folder that a modality is read from: its name, or the part before '@' where there is no such folder.
std::string folder_of(const Source& source, const std::string& modality);

/// The modality with the width of its first file in the set, where it is an embedding without one.
Modality with_width(const Source& source, Modality modality);

/// Error when `fourm tokenize` has not finished the set.
void check_finished(const Source& source);

class TokenSet {
 public:
  /// `modalities`: those to read. One that the set lacks is a warning; a set that has none of them is an Error. The text
  /// tokenizer must outlive the set.
  TokenSet(const std::string& path, const std::vector<Modality>& modalities, const WordPiece& text,
           const TokenSetOptions& options = {});

  int64_t size() const { return source_.size(); }
  const std::string& path() const { return source_.path(); }
  const std::string& name(int64_t i) const { return source_.name(i); }
  /// A modality of the set as its files are read: an embedding without a width has that of the first file.
  const Modality& modality(const std::string& name) const;
  /// The names of those of the modalities that the set has, sorted.
  std::vector<std::string> modalities() const;
  /// Whether sample i has a file of one of these modalities, which must be among modalities().
  bool has_any(int64_t i, const std::vector<std::string>& modalities) const;
  /// The first sample of each shard.
  const std::vector<int64_t>& shards() const { return source_.shards(); }
  /// Sample i; `random` chooses crop and text. Each modality has random numbers of its own, which the other modalities
  /// do not change. Modalities that the sample lacks are absent. Error naming the file on
  /// another number of crops or tokens and on a token outside its vocabulary. What is cut or cannot be paired is a
  /// warning, once for each modality. May be called from several threads.
  TokenSample sample(int64_t i, Random random) const;

 private:
  struct Part {
    Modality modality;
    std::string folder;  // that it is read from: its name, or the part before '@'
  };
  struct Told;
  bool first_time(const std::string& topic) const;  // of a message that is shown once

  Source source_;
  std::vector<Part> parts_;  // sorted by name
  const WordPiece& text_;
  TokenSetOptions options_;
  int64_t bins_ = 0;
  bool whole_image_texts_ = false;
  std::shared_ptr<Told> told_;
};

}  // namespace fourm
