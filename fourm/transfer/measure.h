// How well a model with a head predicts the labels of a set.
#pragma once

#include <map>
#include <string>

#include "fourm/dist/process_group.h"
#include "fourm/transfer/labelled_set.h"
#include "fourm/transfer/measure_options.h"
#include "fourm/transfer/transfer_model.h"

namespace fourm {

/// Measures by name, of the squares that the model reads:
///
///   classification   top1, top5 (0 to 1), loss
///   semseg           mIoU (over the classes that occur), mAcc, pixel_accuracy, loss; "IoU CLASS" with `by_class`
///   detection        AP (mean over IoU thresholds from 0.5 to 0.95), AP50, AP75 of boxes, as COCO defines them;
///                    of a model with a mask head mask_AP, mask_AP50, mask_AP75 too where the set has masks; 0 where
///                    there is nothing to find
///   depth            delta1, delta2, delta3, abs_rel (fractions), rmse (metres), log10; each the mean over images of the mean
///                    over known pixels
///
/// The loss is the mean cross-entropy in nats, of semseg over labelled pixels. Each process of the group measures a part; the result
/// is that of all. Error on options of another task, `by_class` of all but semseg too, and where there is nothing to measure.
std::map<std::string, double> measure(const TransferModel& model, const LabelledSet& set, const MeasureOptions& options,
                                      const ProcessGroup& group = {}, bool by_class = false);

/// Error on options of another task: `flip` of detection; `eigen_crop`, `min_depth` and `max_depth` of all but depth.
void check_options(const MeasureOptions& options, Task task);

/// The measure that decides which of two models is better; higher is better.
std::string main_measure(Task task);

/// At least one image, all of one size, in bytes [B, S, S, 3].
Tensor byte_batch(const std::vector<StoredImage>& images);
/// At least one map, all of one size: labels [B, S, S] int64, or depth [B, S, S] float32.
Tensor map_batch(const std::vector<StoredImage>& maps);

/// Objects that are no crowds, in pixels of a square.
ObjectTargets object_targets(const std::vector<LabelledObject>& objects, int64_t size, int64_t sample);
/// What detection finds in an image.
struct FoundObject {
  LabelledBox box;  ///< normalised by the square (0 to 1)
  int64_t label = 0;
  std::vector<float> mask{};  ///< probabilities over the box [kMaskSide, kMaskSide]; empty without a mask head
};
/// In each of the images [B, S, S, 3], best first. For models of detection.
std::vector<std::vector<FoundObject>> found_objects(const TransferModel& model, const Tensor& images);

/// The prediction of images [B, S, S, 3], float32 on the CPU: probabilities [B, K] of classes or [B, K, S, S] of labels, or metres
/// [B, 1, S, S] of depth. With `flip` the mean with that of their mirror images. Not for detection.
Tensor prediction(const TransferModel& model, const Tensor& images, bool flip);

/// Depth outside the part that measures of NYUv2 count becomes 0.
void apply_eigen_crop(Raster<float>& depth);

}  // namespace fourm
