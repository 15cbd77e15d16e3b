// Training an image-text model by contrast: the recipe of `fourm clip train`, and what it runs.
#pragma once

#include "fourm/clip/config.h"
#include "fourm/dist/process_group.h"
#include "fourm/train/config.h"

namespace fourm {

struct ClipRecipe {
  std::string out, data, eval_data, text_tokenizer;
  uint64_t seed = 0;
  int64_t batch = 128, eval_samples = 200;
  bool flip = true;
  ClipConfig model;
  TrainingConfig training;

  template <class Visitor>
  void fields(Visitor& v) {
    v("out", out, "the run folder; the same command resumes an interrupted run", KeyRole::kChangeable);
    v("data", data, "data set with rgb/ and caption/; images are held in memory", KeyRole::kChangeable);
    v("eval_data", eval_data, "held-out data set; empty = no evaluation", KeyRole::kChangeable);
    v("text_tokenizer", text_tokenizer, "tokenizer.json of the captions", KeyRole::kChangeable);
    v("seed", seed, "seed of weights, order, choice of captions and flips");
    v("batch", batch,
      "pairs of image and text in a micro-batch; each is contrasted with all others, also where processes share them",
      at_least(2));
    v("eval_samples", eval_samples, "samples of an evaluation, each with its longest caption", KeyRole::kChangeable,
      at_least(1));
    v("flip", flip, "mirror half of the images, and left and right in their captions");
    v("model", model, "image and text encoder");
    v("training", training, "the training loop");
  }
};

/// The recipe, once all of it is checked that can be checked without reading data.
ClipRecipe resolved(const ClipRecipe& recipe);

/// Trains and leaves the model in OUT/model. All processes of the group call it.
Outcome train_clip(const ClipRecipe& recipe, const StopToken& stop = {}, const ProcessGroup& group = {});

}  // namespace fourm
