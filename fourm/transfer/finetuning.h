// Fine-tuning an encoder with a head: the recipe of `fourm finetune`, and what it runs (paper section 3 and appendix D).
#pragma once

#include "fourm/dist/process_group.h"
#include "fourm/train/config.h"
#include "fourm/transfer/augment.h"
#include "fourm/transfer/config.h"
#include "fourm/transfer/labelled_set.h"
#include "fourm/transfer/measure_options.h"

namespace fourm {

struct FinetuneRecipe {
  std::string out, task, init, input, modalities, class_titles;
  LabelledData data, eval_data;
  uint64_t seed = 0;
  double fraction = 1, epochs = 0, warmup_epochs = 0;
  int64_t batch = 64, image_size = 0;
  std::string fit = "auto", depth_loss = "berhu";
  double crop_share = 1, label_smoothing = 0;
  bool frozen = false;
  HeadConfig head;
  EncoderConfig encoder;
  AugmentConfig augment;
  MeasureOptions evaluation;
  TrainingConfig training;

  template <class Visitor>
  void fields(Visitor& v) {
    v("out", out, "the run folder; the same command resumes an interrupted run", KeyRole::kChangeable);
    v("task", task, "what to learn", OneOf{{"classification", "semseg", "depth", "detection"}});
    v("init", init,
      "model whose encoder is the start: a 4M, a model that was fine-tuned before (its head too where the classes are "
      "the same), or a plain ViT of timm, MAE, DeiT or Hugging Face; empty = new weights",
      KeyRole::kChangeable);
    v("input", input, "modality of pixels that the encoder reads; empty = its only one");
    v("modalities", modalities, "YAML file of modalities beyond the official ones, for an encoder with new weights",
      KeyRole::kChangeable);
    v("class_titles", class_titles, "file with lines 'CLASS title': names of classes to show (n01440764 tench)",
      KeyRole::kChangeable);
    v("data", data, "labelled training set");
    v("eval_data", eval_data, "held-out labelled set; empty = no evaluation", KeyRole::kChangeable);
    v("seed", seed, "seed of weights, order, augmentation and the choice of samples");
    v("fraction", fraction, "fraction of the training samples that is used, drawn by the seed", Range{1e-6, 1});
    v("epochs", epochs, "length of the run in passes over the training set; 0 = training.steps", at_least(0));
    v("warmup_epochs", warmup_epochs, "passes of linear warm-up; 0 = training.schedule.warmup_steps", at_least(0));
    v("batch", batch, "samples per micro-batch, of all processes together", at_least(1));
    v("image_size", image_size, "pixels per side of the squares that the encoder reads; 0 = as in its pre-training",
      Range{0, 1 << 13});
    v("fit", fit,
      "how evaluation makes an image square: crop (the square in its middle), pad (its lower or right edge) or "
      "stretch; auto: crop, for semseg and detection pad",
      OneOf{{"auto", "crop", "pad", "stretch"}});
    v("crop_share", crop_share, "crop: side of the square over the shorter side of the image", Range{0.01, 1});
    v("label_smoothing", label_smoothing, "classification: share of the target that is spread evenly over all classes",
      Range{0, 0.999});
    v("depth_loss", depth_loss, "depth: berhu (reverse Huber) or l1, in standard deviations of the training maps",
      OneOf{{"berhu", "l1"}});
    v("frozen", frozen, "freeze the encoder: only the head is trained");
    v("head", head, "the head of the task: its kind and its sizes");
    v("encoder", encoder, "the encoder where init is empty; domains_in names its pixels, such as [rgb@224]");
    v("augment", augment, "random changes of training samples");
    v("evaluation", evaluation, "how the held-out set is measured");
    v("training", training, "the training loop");
  }
  /// Recipes of earlier versions had keys of a decoder in `encoder`.
  static void migrate_run(YAML::Node& stored, const std::string& origin, int format);
};

/// The recipe, once all of it is checked that can be checked without reading data.
FinetuneRecipe resolved(const FinetuneRecipe& recipe);

/// Trains and leaves the model in OUT/model. All processes of the group call it.
Outcome finetune(const FinetuneRecipe& recipe, const StopToken& stop = {}, const ProcessGroup& group = {});

}  // namespace fourm
