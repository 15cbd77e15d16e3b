// Predictions of a model with a head, and its evaluation: what `fourm predict` and `fourm eval` run. The interface has no
// tensors.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fourm/core/json.h"
#include "fourm/dist/process_group.h"
#include "fourm/kernels/compute_config.h"
#include "fourm/transfer/labelled_set.h"
#include "fourm/transfer/measure_options.h"

namespace fourm {

class TransferModel;

/// The prediction for one image.
struct TransferPrediction {
  struct Class {
    int64_t label;
    double probability;
  };
  std::vector<Class> classes;             ///< classification: all, the most likely first
  std::optional<Raster<uint8_t>> labels;  ///< semseg, of the size of the image; 255 where the model does not read it
  std::vector<LabelledBox> boxes;         ///< detection, normalised by the image (0 to 1), best first
  std::vector<RleMask> masks;             ///< of the boxes, of the size of the image; empty without a mask head
  std::optional<Raster<float>> depth;     ///< metres, 0 where the model does not read the image
};

class Predictor {
 public:
  static Predictor open(const fs::path& model, const ComputeConfig& compute = {});

  const TransferConfig& config() const;
  /// RGB images of any sizes. `flip`: the mean with the prediction of the mirror image; Error for detection.
  std::vector<TransferPrediction> operator()(const std::vector<StoredImage>& images, bool flip = false) const;
  /// The measures of a labelled set, split over the processes of the group (transfer/measure.h).
  std::map<std::string, double> evaluate(const LabelledData& data, const MeasureOptions& options, bool by_class,
                                         const ProcessGroup& group = {}) const;

 private:
  explicit Predictor(std::shared_ptr<const TransferModel> model) : model_(std::move(model)) {}
  std::shared_ptr<const TransferModel> model_;
};

/// How predictions are written: see `fourm predict --help`.
struct PredictionFiles {
  std::string format = "csv";  ///< of tables: csv or json
  int64_t top = 5;             ///< classes of an image in a table
};

/// NAME_view.png of NAME.png: the image to look at.
fs::path view_file(const fs::path& output);

/// Predicts all image files and writes into `out`:
///
///   classification   predictions.csv or predictions.json
///   semseg           NAME.png (labels as a palette PNG), NAME_view.png (with a legend), dataset.yaml (names of the classes)
///   detection        predictions.json (COCO's list of results, with RLE masks; a name of digits is the number of the
///                    image), NAME_view.png
///   depth            NAME.png (16 bits, millimetres), NAME_view.png (colours, with a scale)
///
/// `outputs`: NAME.png of each file; unused for classification. Error when two images have the same number in COCO's list.
void write_predictions(const Predictor& predictor, const std::vector<fs::path>& files,
                       const std::vector<fs::path>& outputs, const fs::path& out, bool flip,
                       const PredictionFiles& options);

/// A table of measures to read.
std::string measures_table(const std::map<std::string, double>& measures);

}  // namespace fourm
