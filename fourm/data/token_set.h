// A data set of tokens, read sample by sample: a file for each sample, in folders or tar shards (data/source.h), as
// `fourm tokenize` and the original write them:
//
//   tok_depth@128/NAME.npy     integers [crops, L]
//   rgb@128/NAME.npy           U8 [crops, S, S, 3]; or rgb/NAME.jpg, cropped when read
//   crop_settings/NAME.npy     [crops, 5]: top, left, height, width, flip
//   caption/NAME.json or .txt, t5_caption/NAME.npz: one for all crops, one a crop, or any number
//   det/NAME.json, metadata/NAME.json, ...: of the whole image
//   dataset.yaml, modalities.yaml, made_from.json: what the set is (optional)
//
// Crops of one number belong together in all modalities; boxes and poses are cut as they are. Without `crop_settings`
// images, boxes and poses are cut to the middle square.
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
  /// Of the samples, which are the same ones whenever they are read (Source::keep_fraction).
  double fraction = 1;
};

/// The files of a sample, read but not yet drawn from. The set that read them must outlive them.
struct SampleFiles {
  std::vector<ModalityFile> files;             ///< of the modalities that the sample has, sorted by name
  int64_t crops = 0;                           ///< how many crops they hold; 0: none of them holds crops
  std::optional<std::vector<CropView>> views;  ///< from crop_settings, one a crop
  std::optional<CropView> default_view;        ///< of boxes and poses that do not state the size of their image
};

/// The message where `modality`, of images, boxes or poses, is to be cut to one of several crops without crop_settings.
std::string crops_unknown(const std::string& modality, int64_t crops);

/// Whether texts are about the whole image and not about a crop of it: as `texts` of dataset.yaml says (whole_image or
/// crops), which `fourm data convert` writes; without it, whether `fourm tokenize` wrote the set.
bool has_whole_image_texts(const Source& source);

/// The folder that a modality is read from: its name, or the part before '@' where there is no such folder.
std::string folder_of(const Source& source, const std::string& modality);

/// The modality with the width of its first file in the set, where it is an embedding without one.
Modality with_width(const Source& source, Modality modality);

/// Error when the set has texts of this sequence modality and the text tokenizer has more tokens than its vocabulary.
void check_vocabulary(const Source& source, const Modality& modality, const WordPiece& text);

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
  /// The files of sample i. May be called from several threads.
  SampleFiles read(int64_t i) const;
  /// read(i), then draw().
  TokenSample sample(int64_t i, Random random) const { return draw(read(i), random); }
  /// A sample from files that were read; `random` chooses crop and text. Each modality has its own random numbers, which
  /// do not depend on the other modalities. Modalities that the sample lacks are absent, and so are poses of people in a
  /// mirrored crop. Error naming the file on another number of crops or tokens and on a token outside its vocabulary.
  /// Files that are cut, left out or cannot be paired give a warning, once for each modality. May be called from several
  /// threads.
  TokenSample draw(const SampleFiles& read, Random random) const;

 private:
  struct Part {
    Modality modality;
    std::string folder;  // that it is read from: its name, or the part before '@'
  };
  struct Reported;
  bool first_time(const std::string& topic) const;  // of a message that is shown once

  Source source_;
  std::vector<Part> parts_;  // sorted by name
  const WordPiece& text_;
  TokenSetOptions options_;
  int64_t bins_ = 0;
  bool whole_image_texts_ = false;
  std::shared_ptr<Reported> reported_;
};

}  // namespace fourm
