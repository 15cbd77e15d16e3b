#include "fourm/train/tokenizer_training.h"

#include <cmath>

#include "fourm/core/log.h"
#include "fourm/core/parallel.h"
#include "fourm/eval/measures.h"
#include "fourm/tokenizer/losses.h"
#include "fourm/tokenizer/picture_batch.h"
#include "fourm/tokenizer/usage.h"
#include "fourm/tokenizer/vqvae.h"
#include "fourm/train/trainer.h"

namespace fourm {
namespace {

enum Purpose : uint64_t { kOrder, kFlip, kCrop, kCodebook };

constexpr double kSmallestCrop = 0.35;  // of the shorter side
constexpr int kShownPictures = 8;

StoredPicture random_square(const InputConfig& input, const StoredPicture& picture, int64_t size, Random random) {
  const int shorter = std::min(picture_width(picture), picture_height(picture));
  const int side = std::max(1, static_cast<int>(std::lround(shorter * random.uniform(kSmallestCrop, 1))));
  const auto left = static_cast<int>(random.below(picture_width(picture) - side + 1));
  const auto top = static_cast<int>(random.below(picture_height(picture) - side + 1));
  const StoredPicture cut =
      std::visit([&](const auto& p) { return StoredPicture(crop(p, left, top, side, side)); }, picture);
  return centre_square(input, cut, static_cast<int>(size));
}

Raster<float> metres(const InputConfig& input, const StoredPicture& picture) {
  const auto& depth = std::get<Raster<uint16_t>>(picture);
  Raster<float> out(depth.width, depth.height, 1);
  for (size_t i = 0; i < depth.area(); ++i) out.pixels[i] = static_cast<float>(depth.pixels[i] * input.depth_unit);
  return out;
}

// Inputs above, reconstructions below.
Image comparison(const InputConfig& input, const std::vector<StoredPicture>& pictures,
                 const std::vector<StoredPicture>& reconstructions) {
  const int shown = std::min<int>(kShownPictures, static_cast<int>(pictures.size()));
  const int w = picture_width(pictures[0]), h = picture_height(pictures[0]);
  Image sheet(shown * w, 2 * h, 3);
  for (int i = 0; i < shown; ++i)
    for (int row = 0; row < 2; ++row) {
      const Image tile = display(input, (row ? reconstructions : pictures)[i]);
      for (int y = 0; y < h; ++y) std::copy_n(tile.at(0, y), 3 * w, sheet.at(i * w, row * h + y));
    }
  return sheet;
}

class TokenizerTraining : public Objective {
 public:
  explicit TokenizerTraining(const TokenizerRecipe& recipe)
      : recipe_(recipe),
        input_(recipe.tokenizer.picture_input()),
        tokenizer_(std::make_shared<Tokenizer>(Tokenizer::create(recipe.tokenizer, recipe.seed))) {
    std::vector<fs::path> train = picture_files(recipe.data), held_out;
    if (recipe.eval_data.empty()) {
      check(static_cast<int64_t>(train.size()) > recipe.eval_pictures, recipe.data, ": ", train.size(),
            " pictures, expected more than the ", recipe.eval_pictures, " of eval_pictures");
      held_out.assign(train.end() - recipe.eval_pictures, train.end());
      train.resize(train.size() - recipe.eval_pictures);
    } else {
      held_out = picture_files(recipe.eval_data);
      held_out.resize(std::min<size_t>(held_out.size(), recipe.eval_pictures));
    }
    pictures_ = load_squares(input_, train, recipe.size, recipe.crops, recipe.seed);
    eval_pictures_ = load_squares(input_, held_out, recipe.size, 1, recipe.seed);
    const double grid = static_cast<double>(recipe.size / recipe.tokenizer.patch_size);
    const double even_share = static_cast<double>(recipe.batch) * grid * grid / recipe.tokenizer.codebook_size;
    tokenizer_->quantizer().set_dead_code_threshold(recipe.dead_code_coef > 0 ? even_share / recipe.dead_code_coef : 0);
    tokenizer_->parameters().make_trainable();
    note("training on ", pictures_.size(), " pictures, ", eval_pictures_.size(), " held out; ",
         tokenizer_->parameters().count(), " parameters");
  }

  Parameters& parameters() override { return tokenizer_->parameters(); }

  StepResult loss(int64_t index) override {
    std::vector<const StoredPicture*> batch;
    std::vector<bool> flips;
    for (int64_t visit = index * recipe_.batch; visit < (index + 1) * recipe_.batch; ++visit) {
      batch.push_back(&pictures_[picture_of(visit)]);
      flips.push_back(recipe_.flip && Random(recipe_.seed, {kFlip, static_cast<uint64_t>(visit)}).chance(0.5));
    }
    const Tensor x = picture_batch(input_, batch, flips);
    SeededDraws draws(recipe_.seed, static_cast<uint64_t>(index));
    const auto step = tokenizer_->train_forward(x, draws);
    const Tensor reconstruction = reconstruction_loss(recipe_.loss, step.output, x);
    CodeUsage usage(recipe_.tokenizer.codebook_size);
    const Tensor tokens = step.tokens.contiguous();
    usage.add(tokens.data_ptr<int64_t>(), tokens.numel());
    return {(reconstruction + recipe_.codebook_weight * step.code_loss).sum(),
            {{"reconstruction", reconstruction.item<double>()},
             {"code_loss", step.code_loss.item<double>()},
             {"perplexity", usage.perplexity()}}};
  }

  Evaluation evaluate(int64_t) override {
    if (eval_pictures_.empty()) return {};
    const auto report = evaluate_tokenizer(PictureTokenizer(tokenizer_), eval_pictures_);
    return {report.measures,
            {{"reconstructions", encode_png(comparison(input_, eval_pictures_, report.reconstructions))}}};
  }

  void save(const fs::path& folder) override { tokenizer_->save(folder); }

 private:
  // Visits go through the pictures in an order of their own each epoch.
  int64_t picture_of(int64_t visit) {
    const auto n = static_cast<int64_t>(pictures_.size());
    if (visit / n != epoch_) {
      epoch_ = visit / n;
      order_ = Random(recipe_.seed, {kOrder, static_cast<uint64_t>(epoch_)}).permutation(n);
    }
    return order_[visit % n];
  }

  TokenizerRecipe recipe_;
  InputConfig input_;
  std::shared_ptr<Tokenizer> tokenizer_;
  std::vector<StoredPicture> pictures_, eval_pictures_;
  int64_t epoch_ = -1;
  std::vector<int64_t> order_;
};

}  // namespace

std::vector<fs::path> picture_files(const fs::path& folder) {
  std::vector<fs::path> files = list_files(folder, {".png", ".jpg", ".jpeg", ".webp", ".npy"});
  check(!files.empty(), folder.string(), ": holds no pictures (.png, .jpg, .webp, .npy)");
  return files;
}

std::vector<StoredPicture> load_squares(const InputConfig& input, const std::vector<fs::path>& files, int64_t size,
                                        int64_t crops, uint64_t seed) {
  check(size > 0 && size <= 4096 && crops > 0, "size and crops must be positive (size at most 4096)");
  std::vector<StoredPicture> pictures(files.size() * crops);
  parallel_for(static_cast<int64_t>(files.size()), [&](int64_t i) {
    const StoredPicture picture = read_picture(input, files[i]);
    for (int64_t c = 0; c < crops; ++c)
      pictures[i * crops + c] =
          crops == 1 ? centre_square(input, picture, static_cast<int>(size))
                     : random_square(input, picture, size,
                                     Random(seed, {kCrop, static_cast<uint64_t>(i), static_cast<uint64_t>(c)}));
  });
  return pictures;
}

ReconstructionReport evaluate_tokenizer(const PictureTokenizer& tokenizer, const std::vector<StoredPicture>& pictures) {
  const InputConfig& input = tokenizer.input();
  const std::vector<TokenMap> tokens = tokenizer.encode(pictures);
  ReconstructionReport report{{}, tokenizer.decode(tokens)};
  CodeUsage usage(tokenizer.config().codebook_size);
  for (const auto& t : tokens) usage.add(t.tokens.data(), static_cast<int64_t>(t.tokens.size()));
  auto& m = report.measures;
  m["usage"] = usage.usage();
  m["perplexity"] = usage.perplexity();
  const auto n = static_cast<double>(pictures.size());
  Confusion confusion(256);
  for (size_t i = 0; i < pictures.size(); ++i) {
    const StoredPicture &truth = pictures[i], &got = report.reconstructions[i];
    if (input.kind == "depth") {
      const DepthErrors errors = depth_errors(metres(input, got), metres(input, truth));
      m["abs_rel"] += errors.abs_rel / n;
      m["delta1"] += errors.delta1 / n;
    } else if (input.has_labels()) {
      confusion.add(std::get<Image>(got), std::get<Image>(truth));
    } else {
      m["psnr"] += std::min(100.0, psnr(std::get<Image>(got), std::get<Image>(truth))) / n;
      if (input.kind == "normal") m["mean_angle"] += mean_angle(std::get<Image>(got), std::get<Image>(truth)) / n;
    }
  }
  if (input.has_labels()) {
    m["miou"] = confusion.mean_iou();
    m["accuracy"] = confusion.accuracy();
  }
  return report;
}

Outcome train_tokenizer(const TokenizerRecipe& recipe) {
  check(!recipe.out.empty(), "the recipe names no run folder: set 'out'");
  check(!recipe.data.empty(), "the recipe names no pictures: set 'data'");
  check(recipe.batch > 0 && recipe.eval_pictures >= 0, "batch must be positive, eval_pictures not negative");
  check(recipe.size % recipe.tokenizer.patch_size == 0, "size ", recipe.size, " is not a multiple of patch_size ",
        recipe.tokenizer.patch_size);
  TokenizerTraining objective(recipe);
  return train(objective, recipe.training, to_yaml(recipe), recipe.out);
}

}  // namespace fourm
