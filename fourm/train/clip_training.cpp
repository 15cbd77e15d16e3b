#include "fourm/train/clip_training.h"

#include <algorithm>

#include "fourm/clip/clip_model.h"
#include "fourm/clip/contrast.h"
#include "fourm/core/config.h"
#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/annotation.h"
#include "fourm/data/crop.h"
#include "fourm/data/source.h"
#include "fourm/dist/all_gather.h"
#include "fourm/kernels/device.h"
#include "fourm/tokenizer/image_batch.h"
#include "fourm/train/epoch_order.h"
#include "fourm/train/split_batch.h"
#include "fourm/train/trainer.h"

namespace fourm {
namespace {

enum ClipPurpose : uint64_t { kClipOrder, kClipCaption, kClipFlip };

struct Described {
  StoredImage image;
  std::vector<std::string> captions;
};

// The samples that have image and caption; of each the middle square.
std::vector<Described> load_described(const std::string& data, int64_t size, int64_t most) {
  const Source source = Source::open(data);
  std::vector<int64_t> usable;
  for (int64_t i = 0; i < source.size() && static_cast<int64_t>(usable.size()) < most; ++i)
    if (source.has(i, "rgb") && source.has(i, "caption")) usable.push_back(i);
  check(!usable.empty(), data, ": holds no sample with both rgb and caption");
  std::vector<Described> samples(usable.size());
  parallel_for(static_cast<int64_t>(usable.size()), [&](int64_t k) {
    const int64_t i = usable[k];
    const std::string where = source.origin(i, "caption");
    const InputConfig rgb;
    samples[k].image = centre_square(rgb, decode_stored_image(rgb, source.read(i, "rgb"), source.origin(i, "rgb")),
                                     static_cast<int>(size));
    samples[k].captions = decode_annotation(source.read(i, "caption"), source.extension(i, "caption"), where).texts;
    check(!samples[k].captions.empty(), where, ": holds no captions");
  });
  return samples;
}

class ClipTraining : public Objective {
 public:
  ClipTraining(const ClipRecipe& recipe, const ProcessGroup& group)
      : recipe_(recipe),
        group_(group),
        model_(
            ClipModel::create(recipe.model, recipe.text_tokenizer, recipe.seed, parse_device(recipe.training.device))) {
    samples_ = load_described(recipe.data, recipe.model.image_size, std::numeric_limits<int64_t>::max());
    if (!recipe.eval_data.empty())
      eval_samples_ = load_described(recipe.eval_data, recipe.model.image_size, recipe.eval_samples);
    check(static_cast<int64_t>(samples_.size()) >= recipe.batch, recipe.data, ": holds ",
          counted(samples_.size(), "described image"), ", fewer than a batch of ", recipe.batch);
    group_.check_same("training set", concat(recipe.data, " with ", counted(samples_.size(), "described image")));
    model_.parameters().make_trainable();
    note("training on ", counted(samples_.size(), "described image"), ", ", eval_samples_.size(), " held out; ",
         counted(model_.parameters().count(), "parameter"));
  }

  Parameters& parameters() override { return model_.parameters(); }

  // The images and texts of this process are contrasted with those of all processes, so that each computes the loss of the
  // whole micro-batch; the gradients of its own embeddings are those of that loss. The first process has the loss itself and
  // the gradient of the temperature.
  StepResult loss(int64_t index) override {
    std::vector<const StoredImage*> images;
    std::vector<std::string> texts, own_texts;
    std::vector<bool> flips;
    const int64_t first = group_.begin(recipe_.batch), end = group_.end(recipe_.batch);
    for (int64_t k = 0; k < recipe_.batch; ++k) {
      const int64_t i = index * recipe_.batch + k;
      const auto key = static_cast<uint64_t>(i);
      const Described& sample = samples_[order_.sample(i, static_cast<int64_t>(samples_.size()))];
      const std::string& caption = Random(recipe_.seed, {kClipCaption, key}).pick(sample.captions);
      const bool flip = recipe_.flip && Random(recipe_.seed, {kClipFlip, key}).chance(0.5);
      texts.push_back(flip ? mirror_words(caption) : caption);
      if (k < first || k >= end) continue;
      own_texts.push_back(texts.back());
      flips.push_back(flip);
      images.push_back(&sample.image);
    }
    const auto all = [&](const Tensor& own) { return all_gather_rows(own, group_); };
    const Tensor scale = group_.is_first() ? model_.scale() : model_.scale().detach();
    const Tensor loss = contrastive_loss(all(model_.embed_images(image_batch({}, images, flips))),
                                         all(model_.embed_texts(own_texts)), scale, groups_of(texts));
    if (group_.is_first()) return {loss, {}, {{"scale", scale.detach()}}};
    return {loss - loss.detach(), {}, {{"scale", at::zeros_like(scale)}}};
  }

  Evaluation evaluate(int64_t) override {
    if (eval_samples_.empty()) return {};
    const NoGradGuard no_grad;
    const auto n = static_cast<int64_t>(eval_samples_.size());
    std::vector<std::string> captions;
    for (const Described& sample : eval_samples_)
      captions.push_back(*std::max_element(sample.captions.begin(), sample.captions.end(),
                                           [](const auto& a, const auto& b) { return a.size() < b.size(); }));
    const ProcessGroup group = n < group_.size() ? ProcessGroup() : group_;  // each has a sample, or all have all
    const int64_t first = group.begin(n), last = group.end(n);
    std::vector<Tensor> images, texts;
    for (int64_t begin = first; begin < last; begin += recipe_.batch) {
      const int64_t end = std::min(last, begin + recipe_.batch);
      std::vector<const StoredImage*> batch;
      for (int64_t i = begin; i < end; ++i) batch.push_back(&eval_samples_[i].image);
      images.push_back(model_.embed_images(image_batch({}, batch)));
      texts.push_back(model_.embed_texts({captions.begin() + begin, captions.begin() + end}));
    }
    const auto all = [&](const std::vector<Tensor>& own) { return all_gather_rows(at::cat(own), group); };
    const auto groups = groups_of(captions);
    const Tensor all_images = all(images), all_texts = all(texts);
    Evaluation result{retrieval(all_images, all_texts, groups), {}, {}};
    for (const auto& [name, share] : result.metrics) {
      const double among = name.ends_with("5") ? 5 : 1;
      result.baselines[name] = {std::min(1.0, among / static_cast<double>(n)), true, "chance"};
    }
    result.metrics["loss"] = contrastive_loss(all_images, all_texts, model_.scale(), groups).item<double>();
    return result;
  }

  void save(const fs::path& folder) override { model_.save(folder); }

 private:
  ClipRecipe recipe_;
  ProcessGroup group_;
  ClipModel model_;
  std::vector<Described> samples_, eval_samples_;
  EpochOrder order_{recipe_.seed, kClipOrder};
};

}  // namespace

ClipRecipe resolved(const ClipRecipe& recipe) {
  check_fields(recipe, "the recipe");
  check_training(recipe.training);
  check(!recipe.training.checkpoint_activations, "training.checkpoint_activations is for pre-training");
  check(recipe.training.drop_path == 0, "training.drop_path is for pre-training");
  check(recipe.training.lora.rank == 0, "training.lora is for pre-training");
  check(!recipe.out.empty(), "the recipe names no run folder: set 'out'");
  check(!recipe.data.empty(), "the recipe names no data set: set 'data'");
  check(!recipe.text_tokenizer.empty(), "the recipe names no text tokenizer: set 'text_tokenizer'");
  check_exists("data", recipe.data);
  check_exists("eval_data", recipe.eval_data);
  check_exists("text_tokenizer", recipe.text_tokenizer);
  recipe.model.validate("the recipe's 'model'");
  return recipe;
}

Outcome train_clip(const ClipRecipe& given, const StopToken& stop, const ProcessGroup& group) {
  const ClipRecipe recipe = resolved(given);
  check_same_recipe(recipe, group);
  check_batch(recipe.batch, group.size(), "a pair");
  ClipTraining objective(recipe, group);
  return train(objective, recipe, stop, group);
}

}  // namespace fourm
