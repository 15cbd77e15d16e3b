#include "fourm/train/tokenizer_training.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/core/strings.h"
#include "fourm/eval/map_comparisons.h"
#include "fourm/eval/measures.h"
#include "fourm/io/image_file.h"
#include "fourm/kernels/device.h"
#include "fourm/modality/feature_colours.h"
#include "fourm/tokenizer/image_batch.h"
#include "fourm/tokenizer/losses.h"
#include "fourm/tokenizer/usage.h"
#include "fourm/tokenizer/vqvae.h"
#include "fourm/train/epoch_order.h"
#include "fourm/train/split_batch.h"
#include "fourm/train/trainer.h"

namespace fourm {
namespace {

enum TokenizerPurpose : uint64_t { kTokenizerOrder, kTokenizerFlip, kTokenizerCrop, kTokenizerSize };

constexpr int kShownImages = 8;
constexpr int64_t kEvalImages = 256;  // default of TokenizerRecipe::eval_images

// A random crop, resized to a square. Features stay as they are: they belong to the crop they were extracted from.
StoredImage random_square(const InputConfig& input, const StoredImage& image, int64_t size, const CropOptions& crop,
                          Random random) {
  if (input.has_features()) return image;
  const CropView view = random_view(width_of(image), height_of(image), crop, random);
  return cut_square(input, image, to_cut(view), static_cast<int>(size));
}

// Mirroring is drawn at each use instead (TokenizerRecipe::flip).
CropOptions crop_options(const TokenizerRecipe& recipe) {
  const auto range = [](const char* key, const std::vector<double>& values, double most) {
    check(values.size() == 2, key, " should be two numbers, minimum and maximum, but has ", values.size());
    check(values[0] > 0 && values[0] <= values[1] && values[1] <= most, key, " is [", values[0], ", ", values[1],
          "], expected minimum and maximum between 0 and ", most);
  };
  range("crop_scale", recipe.crop_scale, 1);
  range("crop_ratio", recipe.crop_ratio, 1000);
  return {.min_scale = recipe.crop_scale[0],
          .max_scale = recipe.crop_scale[1],
          .min_ratio = recipe.crop_ratio[0],
          .max_ratio = recipe.crop_ratio[1],
          .flip = 0};
}

// Features are shown in the colours of the image that they should be.
Image shown(const InputConfig& input, const StoredImage& image, const StoredImage& truth) {
  if (!input.has_features()) return display(input, image);
  return FeatureColours(std::get<Raster<float>>(truth))(std::get<Raster<float>>(image));
}

// Inputs above, reconstructions below, of some images all over the list.
Image comparison(const InputConfig& input, const std::vector<StoredImage>& images,
                 const std::vector<StoredImage>& reconstructions) {
  const int count = std::min<int>(kShownImages, static_cast<int>(images.size()));
  const int w = width_of(images[0]), h = height_of(images[0]);
  Image sheet(count * w, 2 * h, 3);
  for (int i = 0; i < count; ++i)
    for (int row = 0; row < 2; ++row) {
      const size_t at = i * images.size() / count;
      const Image tile = shown(input, (row ? reconstructions : images)[at], images[at]);
      for (int y = 0; y < h; ++y) std::copy_n(tile.at(0, y), 3 * w, sheet.at(i * w, row * h + y));
    }
  return sheet;
}

// The config of the tokenizer that training changes: its restart threshold is that of the recipe.
TokenizerConfig trained_config(const TokenizerRecipe& recipe) {
  TokenizerConfig config = recipe.tokenizer;
  config.is_recipe = false;
  config.threshold_ema_dead_code = dead_code_threshold(recipe);
  return config;
}

// A tokenizer of the recipe's config, with the weights of `start_from` if there is one. Fixed position tables of another
// size stay new, as in the original.
std::shared_ptr<Tokenizer> first_tokenizer(const TokenizerRecipe& recipe) {
  auto tokenizer = std::make_shared<Tokenizer>(
      Tokenizer::create(trained_config(recipe), recipe.seed, parse_device(recipe.training.device)));
  if (recipe.start_from.empty()) return tokenizer;
  const Tokenizer start = Tokenizer::open(recipe.start_from, {}, recipe.tokenizer.input);
  const NoGradGuard no_grad;
  for (const auto& entry : tokenizer->parameters().entries()) {
    const Tensor known = start.parameters().find(entry.name);
    const bool fits = known.defined() && known.sizes() == entry.value.sizes();
    check(fits || (known.defined() && entry.name.ends_with("pos_emb")), recipe.start_from, ": ", entry.name,
          " does not fit the tokenizer of the recipe");
    if (fits) entry.value.copy_(known);
  }
  return tokenizer;
}

// The config of `start_from` for images of `size`. Its position tables are then of that size.
TokenizerConfig resized(TokenizerConfig config, int64_t size) {
  for (auto* side : {&config.image_size_enc, &config.image_size_dec})
    if (*side) *side = **side * size / config.image_size;
  config.image_size = size;
  return config;
}

bool have_one_size(const std::vector<StoredImage>& images) {
  const auto& first = std::get<Raster<float>>(images.front());
  return std::ranges::all_of(images, [&](const StoredImage& image) {
    const auto& map = std::get<Raster<float>>(image);
    return map.width == first.width && map.height == first.height && map.channels == first.channels;
  });
}

// The share of the known pixels that have the most frequent label.
double share_of_commonest(const InputConfig& input, const std::vector<StoredImage>& images) {
  std::array<int64_t, 256> counts{};
  for (const StoredImage& image : images)
    for (const uint8_t label : std::get<Image>(image).pixels)
      if (!input.has_labels() || label != 255) ++counts[label];
  const int64_t all = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  return all > 0 ? static_cast<double>(*std::max_element(counts.begin(), counts.end())) / static_cast<double>(all) : 0;
}

// The measures of reconstructions that do not depend on the image.
std::map<std::string, Baseline> constant_baselines(const InputConfig& input, const std::vector<StoredImage>& images) {
  std::map<std::string, Baseline> baselines;
  if (images.empty() || input.standardise) return baselines;
  if (input.has_labels() || input.kind == "mask") {
    baselines["accuracy"] = {share_of_commonest(input, images), true, "the most frequent label everywhere"};
  } else if ((input.kind == "depth" || input.has_features()) && have_one_size(images)) {
    const Raster<float> mean = pixel_mean<float>(input, images);
    std::vector<double> scores;
    for (const StoredImage& image : images) {
      const auto& truth = std::get<Raster<float>>(image);
      if (!any_known(known_pixels(input, image))) continue;
      scores.push_back(input.has_features() ? mean_cosine(mean.pixels, truth.pixels, input.features)
                                            : depth_errors(mean, truth).abs_rel);
    }
    if (!scores.empty())
      baselines[input.has_features() ? "cosine" : "abs_rel"] = {summarise(scores).mean, input.has_features(),
                                                                "the mean of all images"};
  }
  return baselines;
}

class TokenizerTraining : public Objective {
 public:
  TokenizerTraining(const TokenizerRecipe& recipe, const ProcessGroup& group)
      : recipe_(recipe),
        group_(group),
        input_(*recipe.tokenizer.input),
        crop_(crop_options(recipe)),
        tokenizer_(first_tokenizer(recipe)) {
    files_ = training_images(recipe.data);
    std::vector<fs::path> held_out;
    if (recipe.eval_data.empty()) {
      const auto images = static_cast<int64_t>(files_.size());
      const int64_t count = recipe.eval_images.value_or(std::clamp<int64_t>(images / 10, 1, kEvalImages));
      check(images > count, recipe.data, ": ", counted(images, "image"), ", but ", count, count == 1 ? " is" : " are",
            " held out; add images, set a lower 'eval_images', or give 'eval_data'");
      held_out.assign(files_.end() - count, files_.end());
      files_.resize(files_.size() - count);
    } else {
      held_out = training_images(recipe.eval_data);
      held_out.resize(std::min<size_t>(held_out.size(), recipe.eval_images.value_or(kEvalImages)));
    }
    if (recipe.crops > 0) images_ = load_squares(input_, files_, recipe.size, recipe.crops, recipe.seed, crop_);
    eval_images_ = load_squares(input_, held_out, recipe.size, recipe.eval_crops, recipe.seed, crop_);
    if (group_.is_first()) baselines_ = constant_baselines(input_, eval_images_);
    group_.check_same("training set", concat(recipe.data, " with ", counted(files_.size(), "file")));
    tokenizer_->parameters().make_trainable();
    tokenizer_->quantizer().share_statistics(group_);
    note("training on ", counted(epoch_size(), recipe.crops > 0 ? "square" : "file"), ", ", eval_images_.size(),
         " held out; ", counted(tokenizer_->parameters().count(), "parameter"));
  }

  Parameters& parameters() override { return tokenizer_->parameters(); }

  StepResult loss(int64_t index) override {
    const int64_t first = index * recipe_.batch + group_.begin(recipe_.batch);
    const int64_t count = group_.end(recipe_.batch) - group_.begin(recipe_.batch);
    std::vector<StoredImage> read;
    if (recipe_.crops == 0) read = read_batch(first, count, size_of(index));
    std::vector<const StoredImage*> batch;
    std::vector<bool> flips;
    for (int64_t i = 0; i < count; ++i) {
      batch.push_back(read.empty() ? &images_[order_.sample(first + i, epoch_size())] : &read[i]);
      flips.push_back(recipe_.flip &&
                      Random(recipe_.seed, {kTokenizerFlip, static_cast<uint64_t>(first + i)}).chance(0.5));
    }
    const Tensor x = image_batch(input_, batch, flips);
    ImageDraws draws(recipe_.seed, static_cast<uint64_t>(index), first, count);
    const auto step = tokenizer_->train_forward(x, draws);
    Tensor known = known_batch(input_, batch, flips);
    if (known.defined()) known = known.to(tokenizer_->device());
    const Tensor reconstruction = reconstruction_loss(recipe_.loss, step.output, step.target, known, group_);
    const Tensor code_loss = step.code_loss * (static_cast<double>(count) / static_cast<double>(recipe_.batch));
    return {(reconstruction + recipe_.codebook_weight * code_loss).sum(),
            {},
            {{"reconstruction", reconstruction.detach()},
             {"code_loss", code_loss.detach().squeeze()},
             {"perplexity", perplexity_of_all(step.tokens)}}};
  }

  void update_buffers(int64_t step) override {
    SeededDraws draws(recipe_.seed, static_cast<uint64_t>(step), "codebook");
    tokenizer_->quantizer().update(draws);
  }

  bool can_skip_steps() const override { return false; }

  Evaluation evaluate(int64_t) override {
    if (eval_images_.empty() || !group_.is_first()) return {};
    const ProcessGroup::Busy busy(group_);
    const auto report = evaluate_tokenizer(ImageTokenizer(tokenizer_), eval_images_);
    Evaluation result{report.measures, {}, baselines_};
    result.images["reconstructions"] = encode_png(comparison(input_, eval_images_, report.reconstructions));
    if (const auto flat = report.measures.find("psnr_block_mean"); flat != report.measures.end())
      result.baselines["psnr"] = {flat->second, true, "the mean colour of each patch"};
    return result;
  }

  void save(const fs::path& folder) override { tokenizer_->save(folder); }

 private:
  int64_t epoch_size() const { return static_cast<int64_t>(recipe_.crops > 0 ? images_.size() : files_.size()); }

  int64_t size_of(int64_t index) const {
    if (recipe_.sizes.empty()) return recipe_.size;
    return Random(recipe_.seed, {kTokenizerSize, static_cast<uint64_t>(index)}).pick(recipe_.sizes);
  }

  // Of the tokens of all processes; the first has it.
  Tensor perplexity_of_all(const Tensor& tokens) const {
    const Tensor counts = code_counts(tokens, recipe_.tokenizer.codebook_size);
    group_.all_reduce(counts);
    const Tensor value = perplexity(counts);
    return group_.is_first() ? value : at::zeros_like(value);
  }

  std::vector<StoredImage> read_batch(int64_t first, int64_t count, int64_t size) {
    std::vector<fs::path> files;
    for (int64_t i = 0; i < count; ++i) files.push_back(files_[order_.sample(first + i, epoch_size())]);
    std::vector<StoredImage> images(files.size());
    parallel_for(count, [&](int64_t i) {
      images[i] = random_square(input_, read_stored_image(input_, files[i], units_), size, crop_,
                                Random(recipe_.seed, {kTokenizerCrop, static_cast<uint64_t>(first + i)}));
    });
    return images;
  }

  TokenizerRecipe recipe_;
  ProcessGroup group_;
  InputConfig input_;
  CropOptions crop_;
  DepthUnits units_;
  std::shared_ptr<Tokenizer> tokenizer_;
  std::vector<fs::path> files_;
  std::vector<StoredImage> images_, eval_images_;
  std::map<std::string, Baseline> baselines_;
  EpochOrder order_{recipe_.seed, kTokenizerOrder};
};

}  // namespace

void TokenizerRecipe::migrate(YAML::Node& node, const std::string& origin) {
  rename_key(node, "eval_pictures", "eval_images", origin);
  const char* threshold = "threshold_ema_dead_code";
  if (YAML::Node tokenizer = node["tokenizer"];
      tokenizer.IsDefined() && tokenizer.IsMap() && tokenizer.remove(threshold))
    warn(origin, ": 'tokenizer.", threshold,
         "' is not read, since training restarts codes by 'dead_code_coef'; leave it "
         "out, and give dead_code_coef for another threshold (0: no restarts)");
  const YAML::Node old = node["smallest_crop"];
  if (!old.IsDefined()) return;
  double side = 0;
  check(old.IsScalar() && YAML::convert<double>::decode(old, side) && side > 0 && side <= 1, origin,
        ": smallest_crop should be a number above 0 and at most 1");
  check(!node["crop_scale"].IsDefined(), origin, ": smallest_crop and crop_scale say the same; give crop_scale alone");
  const double area = std::round(side * side * 1e6) / 1e6;
  node.remove("smallest_crop");
  node["crop_scale"] = std::vector<double>{area, 1};
  if (!node["crop_ratio"].IsDefined()) node["crop_ratio"] = std::vector<double>{1, 1};
  warn(origin, ": 'smallest_crop: ", side, "' (a share of a side) is read as 'crop_scale: [", area,
       ", 1]', 'crop_ratio: [1, 1]' (shares of the area); the next version no longer reads it");
}

void TokenizerRecipe::migrate_run(YAML::Node& stored, const std::string& origin, int format) const {
  rename_key(stored, "eval_pictures", "eval_images", origin);
  // The default was 256 also where images of `data` were held out.
  if (!eval_images && !eval_data.empty() && stored["eval_images"].as<int64_t>(0) == kEvalImages)
    stored.remove("eval_images");
  if (YAML::Node config = stored["tokenizer"]; config.IsDefined() && config.IsMap()) {
    config.remove("threshold_ema_dead_code");  // follows from dead_code_coef
    const auto before = config["image_size"].as<int64_t>(tokenizer.image_size);
    check(start_from.empty() || before == tokenizer.image_size, origin, ": the run began with position tables of ",
          before, " pixels, those of 'start_from'; tables are now those of the size of training, ",
          tokenizer.image_size, ". It cannot be resumed: begin a run in another folder");
  }
  if (format > 1) return;
  TokenizerRecipe recipe;
  // Runs of middle squares alone do not depend on the sizes of random crops.
  if (stored["crops"].as<int64_t>(recipe.crops) == 1 && stored["eval_crops"].as<int64_t>(recipe.eval_crops) == 1) {
    stored.remove("smallest_crop");
    stored["crop_scale"] = crop_scale;
    stored["crop_ratio"] = crop_ratio;
  }
  const bool memory_codes = stored["tokenizer"]["quant_type"].as<std::string>("lucid") == "memcodes";
  check(memory_codes || stored["training"]["accumulate"].as<int64_t>(1) == 1, origin,
        ": the run began when each micro-batch updated the codebook; its statistics do not fit today's, which are per "
        "step. With training.accumulate above 1 it cannot be resumed: begin a run in another folder");
}

// Positions of the token grid of an image, the mean over the sizes. Feature maps are not resized: all of a batch have the
// size of the first.
static double positions(const TokenizerRecipe& recipe) {
  const TokenizerConfig& c = recipe.tokenizer;
  if (c.input && c.input->has_features()) {
    const StoredImage map = read_stored_image(*c.input, training_images(recipe.data).front());
    const int64_t patch = c.patch_proj && !mlp_sizes(c.enc_type) ? c.patch_size : 1;
    return static_cast<double>((width_of(map) / patch) * (height_of(map) / patch));
  }
  const std::vector<int64_t> sizes = recipe.sizes.empty() ? std::vector<int64_t>{recipe.size} : recipe.sizes;
  double sum = 0;
  for (const int64_t size : sizes) {
    const double grid = static_cast<double>(size) / static_cast<double>(c.patch_size);
    sum += grid * grid;
  }
  return sum / static_cast<double>(sizes.size());
}

double dead_code_threshold(const TokenizerRecipe& recipe) {
  if (recipe.dead_code_coef <= 0) return 0;
  const TokenizerConfig& c = recipe.tokenizer;
  const auto batch = static_cast<double>(recipe.batch * recipe.training.accumulate);
  const double tokens = positions(recipe) * static_cast<double>(c.num_codebooks);
  return batch * tokens / (recipe.dead_code_coef * static_cast<double>(c.codebook_size));
}

std::vector<fs::path> training_images(const fs::path& folder) { return list_images(folder, {".npy"}); }

std::vector<StoredImage> load_squares(const InputConfig& input, const std::vector<fs::path>& files, int64_t size,
                                      int64_t crops, uint64_t seed, const CropOptions& crop, const DepthUnits& units) {
  check(size > 0 && size <= 4096 && crops > 0, "size and crops must be positive (size at most 4096)");
  std::vector<std::vector<StoredImage>> squares(files.size());
  parallel_for(static_cast<int64_t>(files.size()), [&](int64_t i) {
    const StoredImage image = read_stored_image(input, files[i], units);
    if (crops == 1) {
      squares[i].push_back(centre_square(input, image, static_cast<int>(size)));
      return;
    }
    const int64_t shorter = std::min(width_of(image), height_of(image));
    const auto count = std::max<int64_t>(1, crops * shorter / size);
    for (int64_t c = 0; c < count; ++c)
      squares[i].push_back(
          random_square(input, image, size, crop,
                        Random(seed, {kTokenizerCrop, static_cast<uint64_t>(i), static_cast<uint64_t>(c)})));
  });
  std::vector<StoredImage> all;
  for (auto& of_file : squares) std::move(of_file.begin(), of_file.end(), std::back_inserter(all));
  return all;
}

ReconstructionReport evaluate_tokenizer(const ImageTokenizer& tokenizer, const std::vector<StoredImage>& images,
                                        const DecodeOptions& options) {
  const InputConfig& input = tokenizer.input();
  const std::vector<TokenMap> tokens = tokenizer.encode(images);
  ReconstructionReport report;
  report.reconstructions = tokenizer.decode(tokens, options);
  CodeUsage usage(tokenizer.config().codebook_size);
  for (const auto& t : tokens) usage.add(t.tokens.data(), static_cast<int64_t>(t.tokens.size()));
  std::map<std::string, std::vector<double>> scores;  // of each image
  Confusion confusion(256, input.has_labels() ? std::optional<uint8_t>(255) : std::nullopt);
  const auto patch = static_cast<int>(tokenizer.config().patch_size);
  for (size_t i = 0; i < images.size(); ++i) {
    const StoredImage &truth = images[i], &got = report.reconstructions[i];
    const KnownPixels known = known_pixels(input, truth);
    if (!any_known(known)) continue;
    if (input.standardise) {
      scores["standardised_l1"].push_back(
          standardised_l1(standardised_depth(input, got, known), standardised_depth(input, truth, known), known));
    } else if (input.kind == "depth") {
      const DepthErrors errors = depth_errors(std::get<Raster<float>>(got), std::get<Raster<float>>(truth));
      scores["abs_rel"].push_back(errors.abs_rel);
      scores["delta1"].push_back(errors.delta1);
    } else if (input.has_features()) {
      const auto &features = std::get<Raster<float>>(truth), &copy = std::get<Raster<float>>(got);
      scores["cosine"].push_back(mean_cosine(copy.pixels, features.pixels, input.features));
    } else if (input.has_labels() || input.kind == "mask") {
      confusion.add(std::get<Image>(got), std::get<Image>(truth));
    } else {
      const Image &image = std::get<Image>(truth), &copy = std::get<Image>(got);
      scores["psnr"].push_back(bounded_psnr(copy, image, known));
      scores["ssim"].push_back(ssim(copy, image, known));
      // What one colour a token would give: the least that a tokenizer has to beat.
      scores["psnr_block_mean"].push_back(bounded_psnr(block_mean(image, patch, known), image, known));
      if (input.kind == "normal") scores["mean_angle"].push_back(mean_angle(copy, image, known));
    }
  }
  auto& m = report.measures;
  m["usage"] = usage.usage();
  m["perplexity"] = usage.perplexity();
  for (const auto& [name, values] : scores) m[name] = summarise(values).mean;
  if (confusion.pixels() > 0) {
    m["miou"] = confusion.mean_iou();
    m["accuracy"] = confusion.accuracy();
  }
  return report;
}

TokenizerRecipe resolved(const TokenizerRecipe& given) {
  check_fields(given, "the recipe");
  check_training(given.training);
  check(!given.training.checkpoint_activations, "training.checkpoint_activations is for pre-training");
  check(given.training.drop_path == 0, "training.drop_path is for pre-training");
  check(given.training.lora.rank == 0, "training.lora is for pre-training");
  check_exists("start_from", given.start_from);
  TokenizerRecipe recipe = given;
  if (!recipe.start_from.empty()) {
    const auto stated = recipe.tokenizer.input;
    recipe.tokenizer = TokenizerFiles::open(recipe.start_from).config;
    if (!recipe.tokenizer.input) recipe.tokenizer.input = stated;
  }
  recipe.tokenizer.is_recipe = true;
  recipe.tokenizer.validate("the recipe's 'tokenizer'");
  // The result states its kind, since its folder has another name.
  recipe.tokenizer.input =
      recipe.tokenizer.image_input(recipe.start_from.empty() ? "" : name_in_path(recipe.start_from));
  check(!recipe.out.empty(), "the recipe names no run folder: set 'out'");
  check(!recipe.data.empty(), "the recipe names no images: set 'data'");
  check_exists("data", recipe.data);
  check_exists("eval_data", recipe.eval_data);
  crop_options(recipe);
  std::vector<int64_t> sizes = recipe.sizes;
  check(sizes.empty() || recipe.crops == 0, "several 'sizes' need crops = 0: squares are then cut at each use");
  sizes.push_back(recipe.size);
  for (const int64_t size : sizes)
    check(size % recipe.tokenizer.patch_size == 0, "the size ", size, " is not a multiple of patch_size ",
          recipe.tokenizer.patch_size);
  // Feature maps have their own size.
  if (!recipe.start_from.empty() && !recipe.tokenizer.input->has_features())
    recipe.tokenizer = resized(recipe.tokenizer, recipe.sizes.empty() ? recipe.size : std::ranges::max(recipe.sizes));
  return recipe;
}

Outcome train_tokenizer(const TokenizerRecipe& given, const StopToken& stop, const ProcessGroup& group) {
  const TokenizerRecipe recipe = resolved(given);
  check_same_recipe(recipe, group);
  check_batch(recipe.batch, group.size(), "an image");
  TokenizerTraining objective(recipe, group);
  return train(objective, recipe, stop, group);
}

}  // namespace fourm
