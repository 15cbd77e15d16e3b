#include "cli/evaluate_head.h"

#include "fourm/core/json.h"

namespace fourm {

void add_head_options(CLI::App& command, HeadEvaluation& options) {
  const auto group = [](CLI::Option* option) { option->group(kOptionsOfHeads); };
  group(command.add_option("--split", options.data.split, "folder of the split, as in ADE20K"));
  group(command.add_option("--labels", options.data.labels, "where the class is: folder, NAME or NAME.KEY"));
  group(command.add_option("--coco", options.data.annotations, "COCO JSON of the images in --data"));
  group(command.add_option("--batch", options.measures.batch, "samples that are computed together")
            ->check(CLI::Range(1, 1 << 20))
            ->capture_default_str());
  group(command.add_flag("--flip", options.measures.flip,
                         "the mean of predictions of an image and its mirror image; not for detection"));
  group(command.add_flag("--eigen-crop", options.measures.eigen_crop,
                         "depth: evaluate only inside the crop of Eigen et al. (2014) for NYUv2"));
  group(
      command.add_option("--min-depth", options.measures.min_depth, "depth: predictions below become this many metres")
          ->check(CLI::Range(1e-6, 1e9))
          ->capture_default_str());
  group(command
            .add_option("--max-depth", options.measures.max_depth,
                        "depth: predictions above become this many metres, and farther truth is not counted")
            ->check(CLI::Range(1e-3, 1e9))
            ->capture_default_str());
  group(command.add_flag("--by-class", options.by_class, "semseg: the IoU of each class too"));
}

std::string measure_head(const std::string& model, const std::string& data, const ComputeConfig& compute,
                         const HeadEvaluation& options, bool json, const ProcessGroup& group) {
  LabelledData set = options.data;
  set.path = data;
  const auto measures = Predictor::open(model, compute).evaluate(set, options.measures, options.by_class, group);
  return json ? json_text(Json(measures), 2) + "\n" : measures_table(measures);
}

}  // namespace fourm
