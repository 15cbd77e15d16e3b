// One feature vector of a sample, predicted by a model from any of the sample's modalities, for retrieval.
#pragma once

#include "fourm/clip/image_text.h"
#include "fourm/generate/pipeline.h"

namespace fourm {

class FeaturePredictor {
 public:
  /// `name`: an output whose tokenizer decodes features, short names too. Empty: the first that there is of
  /// imagebind_global, dinov2_global, other global features, CLIP features and any other. The pipeline must outlive the
  /// predictor. Error when the model generates no features or reads no images.
  explicit FeaturePredictor(const Pipeline& pipeline, const std::string& name = "");

  const std::string& modality() const { return modality_; }     ///< "tok_clip@128"
  const std::string& image_modality() const { return image_; }  ///< by which images are given, "rgb@128"

  /// Of each canvas: the most likely features given what is known on it, all tokens in one step, decoded, averaged over
  /// positions, in unit length. Features that are known on the canvas are used as they are.
  std::vector<Embedding> predict(std::vector<Canvas> canvases) const;
  /// The same from pixels; images of any size, RGB.
  std::vector<Embedding> predict(const std::vector<StoredImage>& images) const;

 private:
  const Pipeline& pipeline_;
  std::string modality_, image_;
};

}  // namespace fourm
