// A model for a task: the encoder of a 4M with a head (paper section 3 and appendix D), as its config.json describes it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fourm/core/config.h"
#include "fourm/core/file.h"
#include "fourm/model/config.h"

namespace fourm {

enum class Task { kClassification, kSemseg, kDepth, kDetection };

/// classification, semseg, depth or detection.
Task parse_task(const std::string& name);

struct HeadConfig {
  std::string kind = "auto";
  int64_t depth = 0, width = 0, upsampling = 4, hidden = 1024;
  int64_t neighbours = 20;
  double temperature = 0.07, anchor_size = 8;
  int64_t proposals = 1000, sampled_boxes = 512;
  bool masks = false;

  template <class Visitor>
  void fields(Visitor& v) {
    v("kind", kind,
      "classification: linear (on the mean of the tokens), attentive (on attention pooling with a learned query) or "
      "knn (nearest neighbours among the training images; nothing is trained); semseg and depth: convnext; detection: "
      "cascade; auto: the first of the task",
      OneOf{{"auto", "linear", "attentive", "knn", "convnext", "cascade"}});
    v("depth", depth, "convnext: blocks; 0: 4 for semseg, 2 for depth", Range{0, 100});
    v("width", width, "channels of the blocks of convnext and of the maps of cascade; 0: 384 and 256",
      Range{0, 1 << 14});
    v("upsampling", upsampling, "convnext: positions per side of each token; maps are enlarged from there",
      Range{1, 1 << 6});
    v("hidden", hidden, "cascade: width of the hidden layer of a box head", Range{1, 1 << 14});
    v("anchor_size", anchor_size, "cascade: side of anchors over the stride of their map", Range{0.5, 64});
    v("proposals", proposals, "cascade: proposals kept per pyramid level, and per image", Range{1, 1 << 14});
    v("sampled_boxes", sampled_boxes, "cascade: boxes of an image that the box heads are trained on",
      Range{1, 1 << 14});
    v("masks", masks, "cascade: predict the mask of each object too (Cascade Mask R-CNN)");
    v("neighbours", neighbours, "knn: number of neighbours that vote", Range{1, 1 << 16});
    v("temperature", temperature, "knn: a vote weighs exp(cosine / temperature)", Range{1e-3, 1e3});
  }
};

struct TransferConfig {
  std::string task, input, fit = "auto";
  double crop_share = 1;
  HeadConfig head;
  EncoderConfig encoder;  ///< `image_size` is the side of the images that the encoder reads
  double depth_mean = 0, depth_deviation = 1;
  std::vector<std::string> classes, titles;
  std::vector<int64_t> category_ids;

  template <class Visitor>
  void fields(Visitor& v) {
    v("task", task, "what the head predicts", OneOf{{"classification", "semseg", "depth", "detection"}});
    v("input", input, "the modality of pixels that the encoder reads");
    v("fit", fit, "how an image becomes a square: see the recipe", OneOf{{"auto", "crop", "pad", "stretch"}});
    v("crop_share", crop_share, "crop: side of the square over the shorter side of the image", Range{0.01, 1});
    v("head", head, "kind and sizes of the head");
    v("encoder", encoder, "the encoder");
    v("depth_mean", depth_mean, "depth: mean of the training maps in metres");
    v("depth_deviation", depth_deviation, "depth: their standard deviation", Range{1e-6, 1e6});
    v("classes", classes, "names of the classes by number, as the data have them");
    v("category_ids", category_ids, "detection: the numbers of the classes in COCO JSON");
    v("titles", titles, "names of the classes to show; empty: classes");
  }

  /// Earlier versions stored keys of a decoder too.
  static void migrate(YAML::Node& node, const std::string& origin);

  Task kind() const { return parse_task(task); }
  const std::vector<std::string>& shown_classes() const { return titles.empty() ? classes : titles; }
  int64_t size() const { return encoder.image_size; }  ///< pixels per side of the square that the encoder reads
  /// With what "auto" and 0 stand for filled in.
  TransferConfig resolved() const;
  /// Error naming `origin` on values that do not fit each other.
  void validate(const std::string& origin) const;
};

/// Removes the keys of a decoder, which had no effect, from an encoder's config that an earlier version stored.
void remove_decoder_keys(YAML::Node encoder);

/// Whether the path is the folder of such a model, or of a finished run that made one.
bool is_transfer_model(const fs::path& path);

/// Strict: unknown keys are Errors, missing ones have their defaults.
TransferConfig read_transfer_config(const fs::path& json);
void write_transfer_config(const fs::path& json, const TransferConfig& config);

}  // namespace fourm
