// Measures of a set of generated images beside a set of true ones, from the outputs of Inception (inception.h).
#pragma once

#include "fourm/clip/image_text.h"
#include "fourm/core/json.h"
#include "fourm/dist/process_group.h"

namespace fourm {

/// The outputs for a set of images, one row for each image.
struct ImageFeatures {
  std::vector<Embedding> features;  ///< for the distance, precision and recall
  std::vector<Embedding> logits;    ///< for the Inception score
};

/// exp of the mean divergence of the classes of an image from those of all (Salimans et al. 2016): the mean over `splits` equal
/// parts of the set, and its deviation. Error on fewer images than parts.
struct InceptionScore {
  double mean = 0, deviation = 0;
};
InceptionScore inception_score(const std::vector<Embedding>& logits, int64_t splits = 10);

/// The fractions of generated images in the manifold of the true ones, and of true ones in that of the generated (Kynkäänniemi et
/// al. 2019). The manifold of a set is the union of balls around its vectors that reach to their k-th nearest neighbours.
struct PrecisionAndRecall {
  double precision = 0, recall = 0;
};
PrecisionAndRecall precision_and_recall(const std::vector<Embedding>& generated, const std::vector<Embedding>& real,
                                        int64_t k = 3);

struct GenerationOptions {
  std::string generated, real;  ///< folders of images
  std::string inception;        ///< file of weights
  std::string store;  ///< folder for features (image_rows.h), which a later run reuses; empty: they are not stored
  std::string device = "cpu";
  int64_t resize = 0;  ///< the middle squares of all images are resized to so many pixels first; 0: images as they are
};

struct GenerationScores {
  int64_t generated = 0, real = 0;  ///< images
  double frechet = 0;
  InceptionScore inception;
  PrecisionAndRecall manifold;
};

/// The images are split over the processes of the group; all get the result. Error where the stored features are of other images,
/// weights or options, and on fewer than ten images.
GenerationScores score_generation(const GenerationOptions& options, const ProcessGroup& group = {});

/// {"generated", "real", "FID", "IS", "IS_deviation", "precision", "recall"}.
Json to_json(const GenerationScores& scores);

}  // namespace fourm
