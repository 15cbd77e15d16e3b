#include "fourm/transfer/finetuning.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/data/prefetch.h"
#include "fourm/io/model_folder.h"
#include "fourm/kernels/device.h"
#include "fourm/train/epoch_order.h"
#include "fourm/train/split_batch.h"
#include "fourm/train/trainer.h"
#include "fourm/transfer/losses.h"
#include "fourm/transfer/measure.h"

namespace fourm {
namespace {

// What a random stream is for.
enum Purpose : uint64_t { kOrder, kAugment, kMix, kFraction };

constexpr int64_t kDepthSamples = 200;  // whose mean and deviation scale the outputs

EncoderPart start_of(const FinetuneRecipe& recipe) {
  if (!recipe.init.empty()) return encoder_part(fs::path(recipe.init), recipe.input, recipe.image_size);
  ModalityTable table = ModalityTable::official();
  if (!recipe.modalities.empty()) table.extend(fs::path(recipe.modalities));
  check(!recipe.encoder.domains_in.empty(),
        "the recipe has no 'init', and encoder.domains_in names no pixels, such as [rgb@224]");
  return encoder_part(recipe.encoder, std::move(table), recipe.input, recipe.image_size);
}

// Lines "CLASS title" for the classes that have one.
std::vector<std::string> titles_of(const std::vector<std::string>& classes, const std::string& file) {
  if (file.empty()) return {};
  std::map<std::string, std::string> titles;
  for (const auto& line : split(read_file(file, 1 << 26), '\n')) {
    const size_t space = line.find_first_of(" \t");
    if (space != std::string::npos) titles[line.substr(0, space)] = trim(line.substr(space));
  }
  std::vector<std::string> shown;
  for (const auto& name : classes) shown.push_back(titles.contains(name) ? titles[name] : name);
  return shown;
}

LabelledSet training_set(const FinetuneRecipe& recipe) {
  LabelledSet set = LabelledSet::open(recipe.data, parse_task(recipe.task), {}, nullptr,
                                      recipe.head.masks ? ObjectMasks::kRequired : ObjectMasks::kNone);
  if (recipe.fraction < 1) {
    std::vector<int64_t> chosen = Random(recipe.seed, {kFraction}).permutation(set.size());
    chosen.resize(std::max<int64_t>(1, std::llround(recipe.fraction * static_cast<double>(set.size()))));
    std::sort(chosen.begin(), chosen.end());
    set.keep(chosen);
  }
  return set;
}

// Mean and standard deviation over the known pixels of maps that are evenly spaced in the set.
void measure_depths(const LabelledSet& set, TransferConfig& config) {
  double sum = 0, squares = 0, count = 0;
  const int64_t maps = std::min(kDepthSamples, set.size());
  for (int64_t i = 0; i < maps; ++i) {
    const LabelledSample sample = set.load(i * set.size() / maps);
    for (const float metres : std::get<Raster<float>>(*sample.map).pixels)
      if (metres > 0) sum += metres, squares += double{metres} * metres, count += 1;
  }
  check(count > 0, set.path(), ": no depth is known in ", counted(maps, "map"), " of it");
  config.depth_mean = sum / count;
  config.depth_deviation =
      std::max(1e-3, std::sqrt(std::max(0.0, squares / count - config.depth_mean * config.depth_mean)));
}

TransferConfig model_config(const FinetuneRecipe& recipe, const EncoderPart& part, const LabelledSet& set) {
  TransferConfig config;
  config.task = recipe.task;
  config.input = part.input;
  config.fit = recipe.fit;
  config.crop_share = recipe.crop_share;
  config.head = recipe.head;
  config.encoder = part.config;
  config.classes = set.classes();
  config.category_ids = set.category_ids();
  config.titles = titles_of(set.classes(), recipe.class_titles);
  if (config.kind() == Task::kDepth) measure_depths(set, config);
  return config.resolved();
}

// Whether the head of a fine-tuned model predicts the same classes in the same way.
bool has_same_head(const fs::path& model, const TransferConfig& config) {
  if (!is_transfer_model(model)) return false;
  const TransferConfig other = read_transfer_config(model_folder(model) / "config.json");
  return other.task == config.task && other.classes == config.classes && other.head.kind == config.head.kind;
}

TransferModel start_model(const FinetuneRecipe& recipe, const LabelledSet& set, int64_t stored) {
  const EncoderPart part = start_of(recipe);
  const TransferConfig config = model_config(recipe, part, set);
  TransferModel model = TransferModel::create(config, part.table, recipe.seed,
                                              Compute::for_training(parse_device(recipe.training.device)), stored);
  if (recipe.init.empty()) return model;
  model.take_weights(recipe.init, has_same_head(recipe.init, config));
  return model;
}

struct TrainingBatch {
  std::vector<StoredImage> images, maps;
  std::vector<StoredImage> partners;  // of mixed images
  std::vector<int64_t> labels, partner_labels;
  std::vector<ObjectTargets> objects;  // detection
  std::vector<Mix> mixes;
};

class Finetuning : public Objective {
 public:
  Finetuning(const FinetuneRecipe& recipe, LabelledSet set, const ProcessGroup& group)
      : recipe_(recipe),
        group_(group),
        task_(parse_task(recipe.task)),
        set_(std::move(set)),
        model_(start_model(recipe, set_, 0)),
        batches_([this](int64_t index) { return draw_batch(index); }, kBatchesAhead) {
    group_.check_same("training set", concat(recipe.data.path, " with ", counted(set_.size(), "sample")));
    if (!recipe.eval_data.path.empty())
      eval_set_.emplace(LabelledSet::open(recipe.eval_data, task_, set_.classes(), nullptr,
                                          recipe.head.masks ? ObjectMasks::kWhereGiven : ObjectMasks::kNone));
    model_.parameters().make_trainable(recipe.frozen ? std::vector<std::string>{"head.*"} : std::vector<std::string>{});
    model_.freeze(recipe.frozen);
    model_.checkpoint_activations(recipe.training.checkpoint_activations);
    note("training on ", counted(set_.size(), "sample"),
         set_.classes().empty() ? "" : concat(" of ", counted(set_.classes().size(), "class", "classes")), ", ",
         eval_set_ ? eval_set_->size() : 0, " held out; ", counted(model_.parameters().count(), "parameter"), ", ",
         model_.parameters().trainable_count(), " trainable");
  }

  Parameters& parameters() override { return model_.parameters(); }

  StepResult loss(int64_t index) override {
    const TrainingBatch batch = batches_.get(index);
    const Tensor images = mixed_images(batch);
    const Tensor tokens = model_.tokens(images, drop_path(index));
    if (task_ == Task::kDetection) return object_losses(tokens, batch.objects);
    const Tensor out = model_.predict(tokens);
    const auto device = out.device();
    if (task_ == Task::kClassification) {
      const Tensor targets = class_targets(batch).to(device);
      const Tensor loss = -(targets * out.log_softmax(1)).sum() / static_cast<double>(recipe_.batch);
      return {loss, {}, {}};
    }
    const Tensor truth = map_batch(batch.maps).to(device);
    if (task_ == Task::kSemseg) return {label_loss(out, truth, kNoLabel, group_), {}, {}};
    const TransferConfig& config = model_.config();
    return {depth_loss(out.squeeze(1), truth, config.depth_deviation, recipe_.depth_loss == "berhu", group_), {}, {}};
  }

  Evaluation evaluate(int64_t) override {
    Evaluation result;
    if (!eval_set_) return result;
    result.metrics = measure(model_, *eval_set_, recipe_.evaluation, group_);
    result.main = main_measure(task_);
    result.higher_is_better = true;
    if (task_ == Task::kClassification)
      result.baselines["top1"] = {most_frequent_share(), true, "the most frequent class"};
    return result;
  }

  void save(const fs::path& folder) override { model_.save(folder); }

 private:
  // Draws of a sample depend on its number in the run.
  std::optional<DropPath> drop_path(int64_t index) const {
    const double rate = recipe_.training.drop_path;
    if (rate == 0 || recipe_.frozen) return std::nullopt;  // a frozen encoder is in eval mode
    return drop_path_of_batch(rate, recipe_.seed, index, recipe_.batch, group_);
  }

  StepResult object_losses(const Tensor& tokens, const std::vector<ObjectTargets>& objects) const {
    StepResult result;
    for (const auto& [name, loss] : model_.detection()->losses(tokens, size(), objects, recipe_.seed, group_)) {
      result.loss = result.loss.defined() ? result.loss + loss : loss;
      result.scalars[name] = loss.detach();
    }
    return result;
  }

  // The part of this process, and the partners of its mixed images. Draws depend on the number of a sample in the run.
  TrainingBatch draw_batch(int64_t index) {
    const int64_t first = group_.begin(recipe_.batch), n = group_.end(recipe_.batch) - first;
    const bool mixes = recipe_.augment.mixup > 0 || recipe_.augment.cutmix > 0;
    const bool has_map = task_ == Task::kSemseg || task_ == Task::kDepth;
    TrainingBatch batch;
    batch.images.resize(n), batch.labels.resize(n), batch.mixes.resize(n);
    batch.maps.resize(has_map ? n : 0);
    batch.objects.resize(task_ == Task::kDetection ? n : 0);
    batch.partners.resize(mixes ? n : 0), batch.partner_labels.resize(mixes ? n : 0);
    for (int64_t k = 0; mixes && k < n; ++k) {  // the two of a pair are mixed with each other
      const int64_t pair = (first + k) / 2, partner = (first + k) ^ 1;
      Random random(recipe_.seed, {kMix, static_cast<uint64_t>(index * ((recipe_.batch + 1) / 2) + pair)});
      if (partner < recipe_.batch) batch.mixes[k] = draw_mix(recipe_.augment, size(), random);
    }
    parallel_for(n, [&](int64_t k) {
      const int64_t i = index * recipe_.batch + first + k;
      LabelledSample sample = draw_sample(i);
      batch.labels[k] = sample.label;
      batch.images[k] = std::move(sample.image);
      if (has_map) batch.maps[k] = std::move(*sample.map);
      if (task_ == Task::kDetection) batch.objects[k] = object_targets(sample.objects, size(), i);
      if (batch.mixes[k].lambda == 1) return;
      const int64_t partner = index * recipe_.batch + ((first + k) ^ 1);
      LabelledSample other = draw_sample(partner);
      batch.partners[k] = std::move(other.image);
      batch.partner_labels[k] = other.label;
    });
    return batch;
  }

  // The augmented sample of an index of the run, as a square.
  LabelledSample draw_sample(int64_t index) {
    LabelledSample sample = set_.load(sample_at(index));
    const TransferConfig& config = model_.config();
    Random random(recipe_.seed, {kAugment, static_cast<uint64_t>(index)});
    const CropView view = draw_view(recipe_.augment, width_of(sample.image), height_of(sample.image),
                                    parse_fit(config.fit), config.crop_share, random);
    const Image square = std::get<Image>(apply_view(input_kind("rgb"), sample.image, view, size()));
    sample.image = draw_colours(recipe_.augment, square, random);
    sample.objects = visible_objects(sample.objects, view, size());
    if (sample.map)
      sample.map = apply_view(input_kind(task_ == Task::kDepth ? "depth" : "semseg"), *sample.map, view, size());
    return sample;
  }

  int64_t sample_at(int64_t index) {
    const std::scoped_lock lock(order_mutex_);
    return order_.sample(index, set_.size());
  }

  int size() const { return static_cast<int>(model_.config().size()); }

  // Bytes, or floats where images are mixed.
  Tensor mixed_images(const TrainingBatch& batch) const {
    const Tensor images = byte_batch(batch.images);
    if (batch.partners.empty()) return images;
    const Tensor out = images.to(at::kFloat);
    for (size_t k = 0; k < batch.mixes.size(); ++k) {
      const Mix& mix = batch.mixes[k];
      if (mix.lambda == 1) continue;
      const Tensor other = byte_batch({batch.partners[k]})[0].to(at::kFloat), own = out[static_cast<int64_t>(k)];
      if (!mix.cuts()) {
        own.mul_(mix.lambda).add_(other, 1 - mix.lambda);
        continue;
      }
      const auto part = [&](const Tensor& x) {
        return x.slice(0, mix.top, mix.top + mix.height).slice(1, mix.left, mix.left + mix.width);
      };
      part(own).copy_(part(other));
    }
    return out;
  }

  // [b, K] probabilities.
  Tensor class_targets(const TrainingBatch& batch) const {
    const auto classes = static_cast<int64_t>(set_.classes().size()), n = static_cast<int64_t>(batch.labels.size());
    Tensor targets = at::zeros({n, classes});
    auto* row = targets.data_ptr<float>();
    for (int64_t k = 0; k < n; ++k, row += classes) {
      const double share = batch.mixes[k].lambda;
      row[batch.labels[k]] += static_cast<float>(share);
      if (share < 1) row[batch.partner_labels[k]] += static_cast<float>(1 - share);
    }
    return targets * (1 - recipe_.label_smoothing) + recipe_.label_smoothing / static_cast<double>(classes);
  }

  double most_frequent_share() const {
    std::map<int64_t, int64_t> counts;
    int64_t most = 0;
    for (int64_t i = 0; i < eval_set_->size(); ++i) most = std::max(most, ++counts[eval_set_->label(i)]);
    return static_cast<double>(most) / static_cast<double>(eval_set_->size());
  }

  FinetuneRecipe recipe_;
  ProcessGroup group_;
  Task task_;
  LabelledSet set_;
  std::optional<LabelledSet> eval_set_;
  std::mutex order_mutex_;
  EpochOrder order_{recipe_.seed, kOrder};
  TransferModel model_;
  Prefetcher<TrainingBatch> batches_;  // last: its threads use the others
};

void save_neighbours(const FinetuneRecipe& recipe, const LabelledSet& set, const TransferModel& model, RunFolder& run) {
  run.begin(0);
  if (!recipe.eval_data.path.empty()) {
    const auto held_out = LabelledSet::open(recipe.eval_data, Task::kClassification, set.classes());
    run.record(0, "eval", measure(model, held_out, recipe.evaluation));
  }
  model.save(fs::path(recipe.out) / "model");
  note((fs::path(recipe.out) / "model").string(), ": the features of ", counted(set.size(), "training image"));
}

// Nothing is trained: the features of the training set are the model. The first process computes them.
Outcome store_neighbours(const FinetuneRecipe& recipe, const LabelledSet& set, const StopToken& stop,
                         const ProcessGroup& group) {
  const NoGradGuard no_grad;
  RunRecipe stored = run_recipe(recipe);
  std::optional<RunFolder> run;
  if (group.is_first()) run.emplace(recipe.out, stored);
  const ProcessGroup::Busy busy(group);
  bool stopped = false;
  if (run) {
    TransferModel model = start_model(recipe, set, set.size());
    NeighbourHead& head = model.neighbours();
    Progress progress(fs::path(recipe.out).filename().string(), set.size());
    const TransferConfig& config = model.config();
    for (int64_t begin = 0; begin < set.size() && !stopped; begin += recipe.batch) {
      const int64_t end = std::min(set.size(), begin + recipe.batch);
      std::vector<StoredImage> images(end - begin);
      parallel_for(end - begin, [&](int64_t k) {
        const LabelledSample sample = set.load(begin + k);
        const CropView view =
            fitted_view(width_of(sample.image), height_of(sample.image), parse_fit(config.fit), config.crop_share);
        images[k] = apply_view(input_kind("rgb"), sample.image, view, static_cast<int>(config.size()));
      });
      head.features.slice(0, begin, end).copy_(NeighbourHead::features_of(model.tokens(byte_batch(images))));
      for (int64_t i = begin; i < end; ++i) head.labels[i].fill_(static_cast<double>(set.label(i)));
      progress.update(end);
      stopped = end < set.size() && stop && stop();
    }
    if (!stopped) save_neighbours(recipe, set, model, *run);
  }
  return {0, !group.any(stopped)};
}

FinetuneRecipe with_steps(FinetuneRecipe recipe, int64_t samples) {
  const double step = static_cast<double>(recipe.batch * recipe.training.accumulate);
  const auto steps_of = [&](double epochs) {
    return std::max<int64_t>(1, std::llround(epochs * static_cast<double>(samples) / step));
  };
  if (recipe.epochs > 0) recipe.training.steps = steps_of(recipe.epochs);
  if (recipe.warmup_epochs > 0) recipe.training.schedule.warmup_steps = steps_of(recipe.warmup_epochs);
  recipe.epochs = recipe.warmup_epochs = 0;
  return recipe;
}

}  // namespace

FinetuneRecipe resolved(const FinetuneRecipe& recipe) {
  check_fields(recipe, "the recipe");
  check_training(with_steps(recipe, 1 << 30).training);
  check(!recipe.out.empty(), "the recipe names no run folder: set 'out'");
  check(!recipe.data.path.empty(), "the recipe names no data set: set 'data'");
  check_exists("data", recipe.data.path);
  check_exists("eval_data", recipe.eval_data.path);
  check_exists("data.annotations", recipe.data.annotations);
  check_exists("eval_data.annotations", recipe.eval_data.annotations);
  check_exists("init", recipe.init);
  check_exists("modalities", recipe.modalities);
  check_exists("class_titles", recipe.class_titles);
  check(recipe.training.lora.rank == 0, "training.lora is for pre-training");
  recipe.augment.validate("augment");
  const Task task = parse_task(recipe.task);
  const bool classifies = task == Task::kClassification;
  check(
      classifies || (recipe.augment.mixup == 0 && recipe.augment.cutmix == 0 && recipe.label_smoothing == 0 &&
                     recipe.augment.rand_augment == 0),
      "augment.mixup, augment.cutmix, augment.rand_augment and label_smoothing are for classification; set them to 0");
  check(recipe.head.kind != "knn" || recipe.augment.mixup + recipe.augment.cutmix == 0,
        "head.kind: knn trains nothing, so that augment.mixup and augment.cutmix should be 0");
  TransferConfig shape;
  shape.task = recipe.task;
  shape.head = recipe.head;
  shape.classes = {"any"};
  shape.encoder.image_size = shape.encoder.patch_size;
  shape.validate("the recipe");
  check_options(recipe.evaluation, task);
  check(!recipe.training.keep_best || !recipe.eval_data.path.empty(),
        "training.keep_best needs 'eval_data', by which models are compared");
  if (recipe.init.empty()) recipe.encoder.validate("the recipe's 'encoder'");
  check(!recipe.init.empty() || !recipe.frozen || recipe.head.kind == "knn",
        "frozen: true keeps the encoder as it is, and without 'init' that is random");
  start_of(recipe);
  return recipe;
}

void FinetuneRecipe::migrate_run(YAML::Node& stored, const std::string& /*origin*/, int /*format*/) {
  const YAML::Node& given = stored;
  remove_decoder_keys(given["encoder"]);
}

Outcome finetune(const FinetuneRecipe& given, const StopToken& stop, const ProcessGroup& group) {
  const FinetuneRecipe checked = resolved(given);
  check_same_recipe(checked, group);
  check_batch(checked.batch, group.size(), "a sample");
  LabelledSet set = training_set(checked);
  const FinetuneRecipe recipe = with_steps(checked, set.size());
  if (recipe.head.kind == "knn") return store_neighbours(recipe, set, stop, group);
  Finetuning objective(recipe, std::move(set), group);
  return train(objective, recipe, stop, group);
}

}  // namespace fourm
