// Multimodal masked pre-training (paper section 2.3, appendix C.2, Table 5): the recipe of `fourm pretrain`, and what
// it runs.
#pragma once

#include "fourm/data/masking.h"
#include "fourm/dist/process_group.h"
#include "fourm/model/config.h"
#include "fourm/train/config.h"
#include "fourm/train/training_set.h"

namespace fourm {

struct PretrainConfig {
  std::string out, data, eval_data, text_tokenizer, modalities, init, loss = "modality";
  std::vector<std::string> learn;
  uint64_t seed = 0;
  double tokens = 0, warmup_tokens = 0, fraction = 1;
  int64_t batch = 64, eval_samples = 256, repeats = 1, repeat_buffer = 1000;
  ModelConfig model;
  std::vector<TrainingSet> mixture;
  MaskingConfig masking;
  TrainingConfig training;
  bool aligned_captions = true;

  template <class Visitor>
  void fields(Visitor& v) {
    v("out", out, "the run folder; the same command resumes an interrupted run", KeyRole::kChangeable);
    v("data", data, "training set: a folder or shards written by `fourm tokenize`", KeyRole::kChangeable);
    v("mixture", mixture,
      "instead of data, several sets: path -> weight, or path -> a mapping of weight, domains, masking and repeats; or "
      "a "
      "list of such mappings, each with its path. Random draws depend on the position of a set in it");
    v("eval_data", eval_data, "held-out set; empty = no evaluation", KeyRole::kChangeable);
    v("text_tokenizer", text_tokenizer, "tokenizer.json of captions and boxes", KeyRole::kChangeable);
    v("modalities", modalities, "YAML file of modalities beyond the official ones; empty = none", KeyRole::kChangeable);
    v("init", init,
      "model folder whose weights the run starts from, by name and shape: modalities and image size may differ; "
      "empty = new weights",
      KeyRole::kChangeable);
    v("learn", learn,
      "names of the trainable tensors, with * for any characters; the others are frozen; empty = all are trainable");
    v("loss", loss,
      "modality (mean over the output modalities of their mean losses), present (over those in the batch), token (mean "
      "over target tokens) or token_weighted_by_vocab (the original's token loss: by tokens x vocabulary size)",
      OneOf{{"modality", "present", "token", "token_weighted_by_vocab"}});
    v("seed", seed, "seed of weights, order and masks");
    v("tokens", tokens,
      "billions of tokens to train on, which sets training.steps; a sample counts as the largest input and target "
      "budget; "
      "0 = as training.steps says, which must be left out otherwise",
      KeyRole::kChangeable, at_least(0));
    v("warmup_tokens", warmup_tokens, "billions of them in warm-up, which sets training.schedule.warmup_steps",
      at_least(0));
    v("batch", batch, "samples per micro-batch; the processes of a run share them", at_least(1));
    v("aligned_captions", aligned_captions,
      "caption (or text embedding) k belongs to crop k where a sample has as many of them as crops; false: any of "
      "them");
    v("fraction", fraction, "fraction (0, 1] of each training set; the subset depends on sample names only",
      Range{1e-9, 1});
    v("repeats", repeats, "times that a sample is used while it is in memory, each with other masks", at_least(1));
    v("repeat_buffer", repeat_buffer, "samples in memory at a time, where they are used more than once", at_least(1));
    v("eval_samples", eval_samples, "samples of an evaluation, with fixed masks", KeyRole::kChangeable, at_least(1));
    v("model", model, "the Transformer; may be left out with init, whose model it is then");
    v("masking", masking, "input and target budgets");
    v("training", training, "the training loop");
  }
  /// A mapping `mixture` becomes a list. Error where tokens and steps both say how long the run or its warm-up is.
  static void migrate(YAML::Node& node, const std::string& origin);
  /// In the first format `loss: token` was today's token_weighted_by_vocab, and captions were not paired with crops
  /// (train/run.h). Recipes of runs give their length in steps. Error when the sets of the mixture are in another order.
  void migrate_run(YAML::Node& stored, const std::string& origin, int format) const;
};

/// The modalities of a recipe: the official ones, those of the model of `init`, and those of its `modalities` file.
ModalityTable recipe_modalities(const PretrainConfig& config);

/// A modality as the files of a training set are read. Embeddings whose width neither `modalities` nor `init` states
/// have the width 0: that of the data.
Modality data_modality(const PretrainConfig& config, const ModalityTable& table, const std::string& name);

/// What training reads of the set `path` and how it masks it: as that set of the mixture says, else as the recipe does.
SetRecipe recipe_of_set(const PretrainConfig& config, const std::string& path);

/// The recipe with the model of `init` where it leaves out `model`. Reads no weights.
PretrainConfig with_model(PretrainConfig config);

/// The recipe with its length in steps, where it is given in tokens; tokens and warmup_tokens are then 0.
PretrainConfig with_steps(PretrainConfig config);

/// The recipe as training runs it (with_model, with_steps), once all of it is checked that can be checked without reading
/// data or weights: values, names of modalities, masking, and that the files are there.
PretrainConfig resolved(const PretrainConfig& config);

/// Trains and leaves the model in OUT/model. All processes of the group call it.
Outcome pretrain(const PretrainConfig& config, const StopToken& stop = {}, const ProcessGroup& group = {});

}  // namespace fourm
