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
#include "fourm/kernels/device.h"
#include "fourm/tokenizer/image_batch.h"
#include "fourm/train/epoch_order.h"
#include "fourm/train/trainer.h"

namespace fourm {
namespace {

enum Purpose : uint64_t { kOrder, kCaption, kFlip };

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
  explicit ClipTraining(const ClipRecipe& recipe)
      : recipe_(recipe),
        model_(
            ClipModel::fresh(recipe.model, recipe.text_tokenizer, recipe.seed, parse_device(recipe.training.device))) {
    samples_ = load_described(recipe.data, recipe.model.image_size, std::numeric_limits<int64_t>::max());
    if (!recipe.eval_data.empty())
      eval_samples_ = load_described(recipe.eval_data, recipe.model.image_size, recipe.eval_samples);
    check(static_cast<int64_t>(samples_.size()) >= recipe.batch, recipe.data, ": holds ",
          counted(samples_.size(), "described image"), ", fewer than a batch of ", recipe.batch);
    model_.parameters().make_trainable();
    note("training on ", counted(samples_.size(), "described image"), ", ", eval_samples_.size(), " held out; ",
         counted(model_.parameters().count(), "parameter"));
  }

  Parameters& parameters() override { return model_.parameters(); }

  StepResult loss(int64_t index) override {
    std::vector<const StoredImage*> images;
    std::vector<std::string> texts;
    std::vector<bool> flips;
    for (int64_t i = index * recipe_.batch; i < (index + 1) * recipe_.batch; ++i) {
      const auto key = static_cast<uint64_t>(i);
      const Described& sample = samples_[order_.sample(i, static_cast<int64_t>(samples_.size()))];
      const std::string& caption = Random(recipe_.seed, {kCaption, key}).pick(sample.captions);
      flips.push_back(recipe_.flip && Random(recipe_.seed, {kFlip, key}).chance(0.5));
      images.push_back(&sample.image);
      texts.push_back(flips.back() ? mirror_words(caption) : caption);
    }
    const Tensor scale = model_.scale();
    const Tensor loss = contrastive_loss(model_.embed_images(image_batch({}, images, flips)), model_.embed_texts(texts),
                                         scale, groups_of(texts));
    return {loss, {}, {{"scale", scale.detach()}}};
  }

  Evaluation evaluate(int64_t) override {
    if (eval_samples_.empty()) return {};
    const NoGradGuard no_grad;
    const auto n = static_cast<int64_t>(eval_samples_.size());
    std::vector<Tensor> images, texts;
    std::vector<std::string> captions;
    for (int64_t begin = 0; begin < n; begin += recipe_.batch) {
      std::vector<const StoredImage*> batch;
      for (int64_t i = begin; i < std::min(n, begin + recipe_.batch); ++i) {
        const auto& all = eval_samples_[i].captions;
        captions.push_back(*std::max_element(all.begin(), all.end(),
                                             [](const auto& a, const auto& b) { return a.size() < b.size(); }));
        batch.push_back(&eval_samples_[i].image);
      }
      images.push_back(model_.embed_images(image_batch({}, batch)));
      texts.push_back(model_.embed_texts({captions.begin() + begin, captions.end()}));
    }
    const auto groups = groups_of(captions);
    const Tensor all_images = at::cat(images), all_texts = at::cat(texts);
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
  ClipModel model_;
  std::vector<Described> samples_, eval_samples_;
  EpochOrder order_{recipe_.seed, kOrder};
};

}  // namespace

ClipRecipe resolved(const ClipRecipe& recipe) {
  check_fields(recipe, "the recipe");
  check_training(recipe.training);
  check(!recipe.training.checkpoint_activations, "training.checkpoint_activations is for pre-training");
  check(!recipe.out.empty(), "the recipe names no run folder: set 'out'");
  check(!recipe.data.empty(), "the recipe names no data set: set 'data'");
  check(!recipe.text_tokenizer.empty(), "the recipe names no text tokenizer: set 'text_tokenizer'");
  check_there("data", recipe.data);
  check_there("eval_data", recipe.eval_data);
  check_there("text_tokenizer", recipe.text_tokenizer);
  recipe.model.validate("the recipe's 'model'");
  return recipe;
}

Outcome train_clip(const ClipRecipe& given, const StopToken& stop) {
  const ClipRecipe recipe = resolved(given);
  ClipTraining objective(recipe);
  return train(objective, recipe, stop);
}

}  // namespace fourm
