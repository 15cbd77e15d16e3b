// One file of a modality as training reads it. Training, generation and `fourm data check` all use this class, so they accept
// the same files:
//
//   kind tokens       .npy of integers, see TokenArray (data/token_array.h)
//   kind pixels       .npy of bytes [crops, S, S, 3], or an image, which is cropped when it is read
//   kind sequence     .txt or .json (data/annotation.h), or .npy of ids [L] or [crops, L], which count from
//                     first_free_id()
//   kind embeddings   .npz with emb [k, L, width] and mask_valid [k, L] (rows where it is false are left out), or .npy
//                     [L, width] or [k, L, width]
#pragma once

#include <functional>
#include <variant>

#include "fourm/core/rng.h"
#include "fourm/data/annotation.h"
#include "fourm/data/sample.h"
#include "fourm/data/token_array.h"
#include "fourm/io/image.h"
#include "fourm/io/npy.h"
#include "fourm/text/vocabulary.h"

namespace fourm {

/// Vectors of a sequence. [k, L, width]: k variants, perhaps of different lengths once invalid rows are left out.
class EmbeddingArray {
 public:
  /// `extension`: npz or npy; `width` 0: that of the file. Error naming `where` on another width, NaN, or a variant
  /// without valid rows.
  EmbeddingArray(std::string_view bytes, const std::string& extension, int64_t width, const std::string& where);
  int64_t variants() const { return static_cast<int64_t>(rows_.size()); }
  int64_t width() const { return width_; }
  /// [L, width], row by row.
  const std::vector<float>& values(int64_t variant) const { return rows_.at(variant); }

 private:
  int64_t width_ = 0;
  std::vector<std::vector<float>> rows_;
};

/// Pixels as the encoder reads them: patches row by row, each in the order (row, column, channel), standardised by the
/// mean and deviation of ImageNet. pixels [S, S, 3] from 0 to 255.
ModalityData pixel_patches(const uint8_t* pixels, int64_t size, int64_t patch);
/// The image of the patches of a pixel modality: the inverse of pixel_patches().
Image patches_image(const ModalityData& patches, const Modality& modality);

class ModalityFile {
 public:
  /// The modality must outlive the file. Error naming `where` on a file that is not of the modality.
  ModalityFile(const Modality& modality, std::string bytes, const std::string& extension, std::string where);

  const Modality& modality() const { return modality_; }
  const std::string& where() const { return where_; }
  /// How many crops of the image it holds; 0: it holds the whole sample.
  int64_t crops() const;
  /// How many captions or embeddings it holds, of which a sample uses one; otherwise 1.
  int64_t variants() const;

  /// The view of the image without crop settings (data/annotation.h); `image` for files that do not state its size.
  std::optional<CropView> centre(const std::optional<CropView>& image) const;

  struct Choice {
    int64_t crop = 0;               ///< below crops()
    std::optional<int64_t> number;  ///< of the variant; absent: a random one
    std::optional<CropView> view;   ///< the crop of the image; absent: its middle square
    bool mirror = true;             ///< exchange left and right in captions of a mirrored view
    bool unknown_tokens = false;    ///< -1 may stand in token files, for tokens that are not known
  };
  /// Called with a warning where something is left out or read in an unexpected way.
  using Warn = std::function<void(const std::string& topic, const std::string& warning)>;
  /// At most max_tokens tokens; sequences of text end with [EOS] if they fit. `text`: needed for sequences only;
  /// `bins`: its coordinate_bins().
  ModalityData data(const Choice& choice, const WordPiece* text, int64_t bins, Random& random, const Warn& warn) const;
  /// The text itself, without a text tokenizer. Only for files of text.
  std::vector<std::string> pieces(const Choice& choice, int64_t bins, Random& random) const;
  /// Whether it is cut with the image: an image file, boxes or poses.
  bool follows_crop() const;
  /// Whether it holds boxes or poses and does not state the size of their image.
  bool needs_image_size() const;
  /// Whether it holds poses, which cannot be mirrored, since their tokens are those of the image as it is.
  bool has_poses() const;
  bool is_text() const { return std::holds_alternative<Annotation>(content_); }

 private:
  struct ImageBytes {
    std::string bytes;
  };
  ModalityData text_ids(const std::vector<std::string>& pieces, const WordPiece& text, const Warn& warn) const;
  ModalityData array_ids(int64_t crop, const WordPiece& text, const Warn& warn) const;
  ModalityData vectors(int64_t variant, const Warn& warn) const;
  ModalityData image(const Choice& choice) const;
  void warn_of_cut(int64_t length, const Warn& warn) const;

  const Modality& modality_;
  std::string where_;
  std::variant<ImageBytes, NpyArray, TokenArray, Annotation, EmbeddingArray> content_;
};

}  // namespace fourm
