#include "fourm/train/tokenizer_training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/config.h"
#include "fourm/core/rng.h"
#include "fourm/io/npy.h"
#include "fourm/nn/position.h"
#include "fourm/tokenizer/image_batch.h"
#include "fourm/tokenizer/vqvae.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// Discs on coloured ground: a world that a tokenizer of a few steps can learn.
StoredImage disc(const std::string& kind, uint64_t seed) {
  Random random(seed);
  const double cx = random.uniform(4, 28), cy = random.uniform(4, 28), r = random.uniform(5, 14);
  Colour ground, front;
  for (int c = 0; c < 3; ++c) {
    ground[c] = static_cast<uint8_t>(random.below(256));
    front[c] = static_cast<uint8_t>(random.below(256));
  }
  Image image(32, 32, kind == "semseg" ? 1 : 3);
  Raster<float> depth(32, 32, 1);
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x) {
      const bool inside = std::hypot(x - cx, y - cy) < r;
      *depth.at(x, y) = 0.01F * static_cast<float>(inside ? 100 + front[0] : 400 + ground[0]);
      for (int c = 0; c < image.channels; ++c)
        image.at(x, y)[c] = kind == "semseg" ? (inside ? 2 : 1) : (inside ? front : ground)[c];
    }
  if (kind == "depth") return depth;
  return image;
}

class TokenizerTraining : public testing::Test {
 protected:
  fs::path discs(const std::string& kind) const {
    const fs::path folder = temporary / ("discs_" + kind);
    make_folder(folder);
    InputConfig input;
    input.kind = kind;
    for (int i = 0; i < 48; ++i)
      write_file(folder / (std::to_string(100 + i) + ".png"), encode_stored_image(input, disc(kind, i)));
    return folder;
  }

  TokenizerRecipe small_recipe(const std::string& kind, const std::string& name) const {
    TokenizerRecipe recipe;
    recipe.out = (temporary / ("tokenizer_" + name)).string();
    fs::remove_all(recipe.out);
    recipe.data = discs(kind).string();
    recipe.size = 32;
    recipe.batch = 8;
    recipe.eval_images = 16;
    recipe.loss = kind == "semseg" ? "cross_entropy" : "mse";
    TokenizerConfig& t = recipe.tokenizer;
    t.image_size = 32;
    t.patch_size = 8;
    t.codebook_size = 64;
    t.latent_dim = 8;
    t.input.emplace();
    t.input->kind = kind;
    t.n_channels = kind == "depth" ? 1 : 3;
    if (kind == "semseg") t.n_labels = 4;
    t.enc_type = "small_enc";
    t.dec_type = "small_dec";
    for (const char* side : {"enc", "dec"}) {
      TokenizerPreset& p = t.presets[std::string("small_") + side];
      p.kind = side == std::string("enc") ? "vit_encoder" : "vit_decoder";
      p.dim_tokens = 32, p.depth = 1, p.num_heads = 2;
    }
    recipe.training.steps = 60;
    recipe.training.schedule.lr = 5e-3;
    recipe.training.schedule.warmup_steps = 1;
    recipe.training.log_every = 10;
    recipe.training.checkpoint_every = 20;
    recipe.training.evaluate_every = 0;
    recipe.training.threads = 1;
    recipe.training.precision = "f32";
    return recipe;
  }

  // Measures of the untouched tokenizer and of the trained one on the same images.
  std::pair<std::map<std::string, double>, std::map<std::string, double>> before_and_after(
      const std::string& kind) const {
    TokenizerRecipe recipe = small_recipe(kind, kind);
    const auto images = load_squares(*recipe.tokenizer.input, training_images(recipe.data), 32, 1, 0);
    recipe.training.steps = 1;
    train_tokenizer(recipe);
    const auto first = evaluate_tokenizer(ImageTokenizer::open(fs::path(recipe.out) / "model"), images);
    recipe = small_recipe(kind, kind);
    recipe.training.steps = 150;
    train_tokenizer(recipe);
    return {first.measures, evaluate_tokenizer(ImageTokenizer::open(fs::path(recipe.out) / "model"), images).measures};
  }

  test::TemporaryFolder temporary;
};

TEST_F(TokenizerTraining, ImagesComeBackBetter) {
  const auto [before, after] = before_and_after("rgb");
  EXPECT_GT(after.at("psnr"), before.at("psnr") + 3);
  EXPECT_GT(after.at("usage"), 0.5);
}

TEST_F(TokenizerTraining, DepthComesBackBetter) {
  const auto [before, after] = before_and_after("depth");
  EXPECT_LT(after.at("abs_rel"), 0.7 * before.at("abs_rel"));
}

TEST_F(TokenizerTraining, LabelsComeBackBetter) {
  const auto [before, after] = before_and_after("semseg");
  EXPECT_GT(after.at("miou"), 0.75);
  EXPECT_GT(after.at("miou"), before.at("miou"));
}

// Holes in the data and images of holes alone: measured and learned is what is known.
TEST_F(TokenizerTraining, UnknownPixelsAreLeftOut) {
  TokenizerRecipe recipe = small_recipe("depth", "holes");
  const auto whole = load_squares(*recipe.tokenizer.input, training_images(recipe.data), 32, 1, 0);
  recipe.data = (temporary / "depth_with_holes").string();
  Random random(3);
  std::vector<StoredImage> holes = whole;
  for (size_t i = 0; i < holes.size(); ++i) {
    auto& map = std::get<Raster<float>>(holes[i]);
    for (float& metres : map.pixels)
      if (i % 8 == 0 || random.chance(0.3)) metres = 0;
    write_file(fs::path(recipe.data) / (std::to_string(100 + i) + ".npy"), encode_depth_npy(map));
  }
  recipe.training.steps = 150;
  train_tokenizer(recipe);
  const auto tokenizer = ImageTokenizer::open(fs::path(recipe.out) / "model");
  std::vector<StoredImage> known;
  for (size_t i = 0; i < holes.size(); ++i)
    if (i % 8) known.push_back(holes[i]);
  const double all = evaluate_tokenizer(tokenizer, holes).measures.at("abs_rel");
  EXPECT_NEAR(all, evaluate_tokenizer(tokenizer, known).measures.at("abs_rel"), 1e-9);
  EXPECT_LT(evaluate_tokenizer(tokenizer, whole).measures.at("abs_rel"), 0.3);
  EXPECT_FALSE(evaluate_tokenizer(tokenizer, {holes[0]}).measures.contains("abs_rel"));

  // A wall with holes is the wall.
  Raster<float> wall(32, 32, 1, 3), pierced = wall;
  for (float& metres : pierced.pixels)
    if (random.chance(0.3)) metres = 0;
  EXPECT_EQ(tokenizer.encode({pierced}), tokenizer.encode({wall}));
}

TEST_F(TokenizerTraining, LabelNoneIsLeftOut) {
  TokenizerRecipe recipe = small_recipe("semseg", "none");
  const auto whole = load_squares(*recipe.tokenizer.input, training_images(recipe.data), 32, 1, 0);
  recipe.data = (temporary / "labels_with_none").string();
  make_folder(recipe.data);
  std::vector<StoredImage> some = whole;
  for (size_t i = 0; i < some.size(); ++i) {
    auto& map = std::get<Image>(some[i]);
    for (int x = 0; x < 32; ++x)
      for (const int y : {0, 1, 30, 31}) *map.at(x, y) = 255;
    write_file(fs::path(recipe.data) / (std::to_string(100 + i) + ".png"),
               encode_stored_image(*recipe.tokenizer.input, map));
  }
  recipe.training.steps = 150;
  train_tokenizer(recipe);
  const auto tokenizer = ImageTokenizer::open(fs::path(recipe.out) / "model");
  EXPECT_GT(evaluate_tokenizer(tokenizer, some).measures.at("miou"), 0.75);
  const StoredImage none = Image(32, 32, 1, 255);
  EXPECT_FALSE(evaluate_tokenizer(tokenizer, {none}).measures.contains("miou"));
  EXPECT_NEAR(evaluate_tokenizer(tokenizer, {some[1], none}).measures.at("miou"),
              evaluate_tokenizer(tokenizer, {some[1]}).measures.at("miou"), 1e-12);
}

TEST_F(TokenizerTraining, LossesOfABatchLeaveUnknownPixelsOut) {
  InputConfig input;
  input.kind = "depth";
  const StoredImage whole = Raster<float>(2, 1, 1, 3);
  Raster<float> left(2, 1, 1, 3);
  left.pixels[0] = 0;
  const StoredImage hole = left;
  EXPECT_FALSE(known_batch(input, {&whole, &whole}).defined());
  const Tensor known = known_batch(input, {&whole, &hole, &hole}, {false, false, true});
  EXPECT_TRUE(at::equal(known.flatten(), at::tensor({1, 1, 0, 1, 1, 0}).to(at::kBool)));
  input.kind = "semseg";
  const StoredImage none = Image(2, 1, 1, 255);
  EXPECT_FALSE(known_batch(input, {&none}).any().item<bool>());
  input.label_offset = 1;  // none is a class of the tokenizer's own
  EXPECT_FALSE(known_batch(input, {&none}).defined());
}

TEST_F(TokenizerTraining, InterruptedAndContinuedIsTheSameBitForBit) {
  TokenizerRecipe whole = small_recipe("rgb", "whole");
  train_tokenizer(whole);
  TokenizerRecipe parts = small_recipe("rgb", "parts");
  parts.training.ema_decay = whole.training.ema_decay;
  train_tokenizer(parts);
  // Drops the end of the finished run: what a kill after step 40 leaves.
  fs::remove_all(fs::path(parts.out) / "model");
  fs::remove_all(fs::path(parts.out) / "checkpoints" / "step-000060");
  train_tokenizer(parts);
  const fs::path file = "model/model.safetensors";
  EXPECT_EQ(read_file(whole.out / file), read_file(parts.out / file));
}

TEST_F(TokenizerTraining, EncodingSurvivesTheTripThroughAFile) {
  TokenizerRecipe recipe = small_recipe("rgb", "trip");
  recipe.training.steps = 2;
  train_tokenizer(recipe);
  const auto tokenizer = ImageTokenizer::open(fs::path(recipe.out) / "model");
  const auto images = load_squares(tokenizer.input(), training_images(recipe.data), 32, 1, 0);
  const auto tokens = tokenizer.encode(images);
  EXPECT_EQ(tokens.size(), images.size());
  EXPECT_EQ(tokens[5], tokenizer.encode({images[5]})[0]);
  EXPECT_EQ(width_of(tokenizer.decode(tokens)[0]), 32);
}

TEST_F(TokenizerTraining, RandomSquaresDependOnTheSeedOnly) {
  const fs::path folder = discs("rgb");
  InputConfig input;
  const auto files = training_images(folder);
  EXPECT_EQ(load_squares(input, files, 16, 3, 7), load_squares(input, files, 16, 3, 7));
  EXPECT_NE(load_squares(input, files, 16, 3, 7), load_squares(input, files, 16, 3, 8));
}

TEST_F(TokenizerTraining, LargerImagesGiveMoreSquares) {
  const fs::path folder = temporary.path();
  write_png(folder / "a.png", Image(32, 40, 3, 9));
  write_png(folder / "b.png", Image(100, 96, 3, 9));
  EXPECT_EQ(load_squares({}, training_images(folder), 32, 2, 0).size(), 2u + 6u);
  EXPECT_EQ(load_squares({}, training_images(folder), 32, 1, 0).size(), 2u);
}

TEST_F(TokenizerTraining, SeveralResolutionsLearnAndResume) {
  TokenizerRecipe recipe = small_recipe("rgb", "resolutions");
  recipe.crops = 0;
  recipe.sizes = {16, 24, 32, 48};
  train_tokenizer(recipe);
  const fs::path file = "model/model.safetensors", run = recipe.out;
  const std::string whole = read_file(run / file);
  fs::remove_all(run / "model");
  fs::remove_all(run / "checkpoints" / "step-000060");
  train_tokenizer(recipe);
  EXPECT_EQ(read_file(run / file), whole);
  EXPECT_TRUE(fs::exists(run / "images" / "reconstructions-000060.png"));

  recipe = small_recipe("rgb", "resolutions_wrong");
  recipe.sizes = {16, 20};
  EXPECT_THROW(train_tokenizer(recipe), Error);  // squares are not cut at each use
  recipe.crops = 0;
  EXPECT_THROW(train_tokenizer(recipe), Error);  // 20 is no multiple of the patch
}

TEST_F(TokenizerTraining, FeatureMapsComeBackBetter) {
  // Two directions in six dimensions, drawn by position: what a tokenizer of few codes can hold.
  const fs::path folder = temporary / "data";
  make_folder(folder);
  for (int i = 0; i < 24; ++i) {
    Random random(i);
    std::vector<float> values(6 * 16);
    for (int position = 0; position < 16; ++position) {
      const int direction = static_cast<int>(random.below(6));
      for (int c = 0; c < 6; ++c)
        values[c * 16 + position] = static_cast<float>((c == direction) + 0.05 * random.normal());
    }
    write_npy(folder / (std::to_string(100 + i) + ".npy"), npy_from_floats(values, {6, 4, 4}));
  }
  TokenizerRecipe recipe = small_recipe("rgb", "features");
  recipe.data = folder.string();
  recipe.eval_images = 8;
  recipe.loss = "smooth_l1";
  recipe.training.steps = 150;
  TokenizerConfig& t = recipe.tokenizer;
  t.patch_proj = false;
  t.n_channels = 6;
  t.input->kind = "features";
  t.input->features = 6;
  train_tokenizer(recipe);
  const auto tokenizer = ImageTokenizer::open(fs::path(recipe.out) / "model");
  const auto maps = load_squares(tokenizer.input(), training_images(folder), 32, 1, 0);
  EXPECT_GT(evaluate_tokenizer(tokenizer, maps).measures.at("cosine"), 0.9);
  // 16 vectors a map, whatever `size` is.
  TokenizerRecipe sized = recipe;
  for (const int64_t size : {32, 64}) {
    sized.size = size;
    EXPECT_DOUBLE_EQ(dead_code_threshold(sized), 8.0 * 16 / (32 * 64)) << size;
  }
  sized.sizes = {32, 64};
  EXPECT_DOUBLE_EQ(dead_code_threshold(sized), 8.0 * 16 / (32 * 64));

  // Maps have a size of their own, which `size` does not change.
  TokenizerRecipe next = recipe;
  next.out += "_next";
  fs::remove_all(next.out);
  next.start_from = recipe.out + "/model";
  next.tokenizer = {};
  next.size = 64;
  next.training.steps = 1;
  next.training.schedule.warmup_steps = 0;
  train_tokenizer(next);
  EXPECT_EQ(TokenizerFiles::open(next.out + "/model").config.image_size, 32);
}

TEST_F(TokenizerTraining, TrainingGoesOnFromATokenizer) {
  TokenizerRecipe first = small_recipe("rgb", "first_stage");
  first.training.steps = 20;
  train_tokenizer(first);
  TokenizerRecipe second = small_recipe("rgb", "second_stage");
  second.start_from = first.out + "/model";
  second.tokenizer = {};
  second.crops = 0;
  second.sizes = {32, 48};
  second.training.steps = 1;
  second.training.schedule.lr = 0;
  second.training.schedule.warmup_steps = 0;
  train_tokenizer(second);
  const auto before = Tokenizer::open(first.out + "/model"), after = Tokenizer::open(second.out + "/model");
  for (const auto& entry : before.parameters().entries()) {
    if (!entry.is_parameter) continue;
    EXPECT_TRUE(at::equal(entry.value, after.parameters().find(entry.name))) << entry.name;
  }
  // Position tables are those of the largest size, made anew.
  EXPECT_EQ(after.config().image_size, 48);
  const Tensor table = after.parameters().find("encoder.pos_emb"), width = before.parameters().find("encoder.pos_emb");
  EXPECT_EQ(table.sizes(), (std::vector<int64_t>{1, width.size(1), 6, 6}));
  EXPECT_TRUE(table.equal(sincos_2d(6, 6, width.size(1)).t().reshape(table.sizes())));

  // A run that began with the tables of its start says why it cannot be resumed.
  const std::string file = second.out + "/recipe.yaml";
  YAML::Node stored = read_yaml(file);
  stored["tokenizer"]["image_size"] = 32;
  write_file(file, yaml_text(stored));
  second.training.steps = 2;
  try {
    train_tokenizer(second);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("the run began with position tables of 32 pixels"), std::string::npos)
        << error.what();
  }
}

// The threshold of training follows from dead_code_coef; a stated one is named and left out, and the tokenizer that is
// written says the one that was used.
TEST_F(TokenizerTraining, TheRestartThresholdIsThatOfTheCoefficient) {
  TokenizerRecipe recipe = small_recipe("rgb", "threshold");
  const test::CapturedLog captured;
  read_config(parse_yaml("tokenizer: {threshold_ema_dead_code: 3}", "recipe.yaml"), recipe, "recipe.yaml");
  EXPECT_NE(captured.text().find("warning: recipe.yaml: 'tokenizer.threshold_ema_dead_code' is not read"),
            std::string::npos);
  recipe.training.steps = 1;
  train_tokenizer(recipe);
  EXPECT_EQ(TokenizerFiles::open(recipe.out + "/model").config.threshold_ema_dead_code, dead_code_threshold(recipe));
  recipe.training.steps = 2;
  const test::CapturedLog captured_again;
  EXPECT_EQ(train_tokenizer(recipe).step, 2);
  EXPECT_EQ(captured_again.text().find("threshold_ema_dead_code"), std::string::npos);
  recipe.training.optimizer.skip_norm = 1;
  EXPECT_THROW(train_tokenizer(recipe), Error);
}

TEST_F(TokenizerTraining, LabelsAboveTheClassesAreNamed) {
  TokenizerRecipe recipe = small_recipe("semseg", "labels");
  recipe.tokenizer.n_labels = 2;  // the discs are labels 1 and 2
  try {
    train_tokenizer(recipe);
    FAIL() << "a label above the classes was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("label 2"), std::string::npos) << error.what();
  }
}

TEST_F(TokenizerTraining, OfficialRecipesAreReadable) {
  int read = 0;
  for (const char* folder : {"configs/tokenizers", "configs/photos"})
    for (const auto& file : list_files(fs::path(FOURM_SOURCE_DIR) / folder, {".yaml"})) {
      TokenizerRecipe recipe;
      load_config(file, {}, recipe);
      recipe.tokenizer.validate(file.string());
      recipe.tokenizer.image_input().validate(file.string());
      EXPECT_EQ(recipe.training.precision, "auto") << file;
      if (folder == std::string("configs/tokenizers") && recipe.tokenizer.image_input().kind != "mask") {
        // Paper Table 3 and appendix B.3: 0.2 for CLIP, and in the original for every feature, 0.8 for all others.
        const bool features = recipe.tokenizer.image_input().has_features();
        const bool poses = file.stem() == "human_poses_1k";
        EXPECT_EQ(recipe.crop_scale, (std::vector<double>{features && !poses ? 0.2 : 0.8, 1})) << file;
        EXPECT_NEAR(recipe.crop_ratio[0] * recipe.crop_ratio[1], 1, 1e-3) << file;
        EXPECT_NE(read_file(file).find("# Source: "), std::string::npos) << file;
      }
      for (const int64_t size : recipe.sizes) EXPECT_EQ(size % recipe.tokenizer.patch_size, 0) << file;
      ++read;
    }
  EXPECT_GE(read, 2);
}

TEST_F(TokenizerTraining, RecipesAreReadable) {
  for (const char* name : {"rgb", "depth", "normal", "semseg", "clip"}) {
    TokenizerRecipe recipe;
    load_config(fs::path(FOURM_SOURCE_DIR) / "configs/rooms" / (std::string("tokenizer_") + name + ".yaml"), {},
                recipe);
    recipe.tokenizer.validate(name);
    EXPECT_EQ(recipe.tokenizer.input->kind, name == std::string("clip") ? "features" : name);
    EXPECT_EQ(recipe.tokenizer.encoder_grid(), 8);
  }
}

// One step over the whole batch: four micro-batches of 2 leave the codebook that one batch of 8 leaves.
TEST_F(TokenizerTraining, TheCodebookLearnsOnceAStep) {
  const auto codebook = [&](const std::string& name, int64_t batch, int64_t accumulate) {
    TokenizerRecipe recipe = small_recipe("rgb", name);
    recipe.batch = batch;
    recipe.training.accumulate = accumulate;
    recipe.training.steps = 4;
    recipe.training.schedule.lr = 0;
    train_tokenizer(recipe);
    Tokenizer tokenizer = Tokenizer::open(fs::path(recipe.out) / "model");
    return std::pair(tokenizer.parameters().find("quantize._codebook.cluster_size").clone(),
                     tokenizer.parameters().find("quantize._codebook.embed").clone());
  };
  const auto [whole_usage, whole] = codebook("one_part", 8, 1);
  const auto [parts_usage, parts] = codebook("four_parts", 2, 4);
  EXPECT_TRUE(at::allclose(parts_usage, whole_usage, 1e-5, 1e-5));
  EXPECT_TRUE(at::allclose(parts, whole, 1e-4, 1e-4));
}

TEST_F(TokenizerTraining, TheDeadCodeThresholdCountsTheWholeBatch) {
  TokenizerRecipe recipe = small_recipe("rgb", "threshold");
  recipe.size = 224;
  recipe.batch = 32;
  recipe.training.accumulate = 20;
  recipe.tokenizer.patch_size = 16;
  recipe.tokenizer.codebook_size = 4096;
  EXPECT_DOUBLE_EQ(dead_code_threshold(recipe), 640.0 * 196 / (32 * 4096));
  recipe.sizes = {224, 448};
  EXPECT_DOUBLE_EQ(dead_code_threshold(recipe), 640.0 * (196 + 784) / 2 / (32 * 4096));
  recipe.dead_code_coef = 0;
  EXPECT_EQ(dead_code_threshold(recipe), 0);
}

// Each pixel of a wide image holds its column, so a crop shows how wide it was.
TEST_F(TokenizerTraining, RandomCropsHaveTheAreaAndRatioOfTheRecipe) {
  Image wide(200, 100, 3);
  for (int y = 0; y < 100; ++y)
    for (int x = 0; x < 200; ++x) {
      wide.at(x, y)[0] = static_cast<uint8_t>(x);
      wide.at(x, y)[1] = static_cast<uint8_t>(y);
    }
  const fs::path folder = temporary / "data";
  make_folder(folder);
  write_png(folder / "wide.png", wide);
  const auto extents = [&](const CropOptions& crop) {
    std::vector<std::pair<double, double>> found;
    for (const auto& square : load_squares({}, training_images(folder), 100, 40, 3, crop)) {
      const Image& image = std::get<Image>(square);
      found.emplace_back((image.at(99, 50)[0] - image.at(0, 50)[0]) / 0.99,
                         (image.at(50, 99)[1] - image.at(50, 0)[1]) / 0.99);
    }
    return found;
  };
  int half = 0;
  for (const auto& [w, h] : extents({.min_scale = 0.3, .max_scale = 0.45, .flip = 0})) {
    EXPECT_GT(w * h / 2e4, 0.27) << w << " x " << h;
    EXPECT_LT(w * h / 2e4, 0.48) << w << " x " << h;
    EXPECT_GT(w / h, 0.72);
    EXPECT_LT(w / h, 1.37);
    half += w / h > 1;
  }
  EXPECT_GT(half, 4);
  EXPECT_LT(half, 36);
  for (const auto& [w, h] : extents({.min_scale = 0.2, .max_scale = 0.4, .min_ratio = 1, .max_ratio = 1, .flip = 0}))
    EXPECT_NEAR(w / h, 1, 0.05);
}

TEST_F(TokenizerTraining, CropsOfEarlierRecipesAreReadAsAreas) {
  TokenizerRecipe recipe;
  read_config(parse_yaml("{smallest_crop: 0.35, tokenizer: {sync_codebook: false, dec_type: vit_b_dec}}", "old.yaml"),
              recipe, "old.yaml");
  EXPECT_EQ(recipe.crop_scale, (std::vector<double>{0.1225, 1}));
  EXPECT_EQ(recipe.crop_ratio, (std::vector<double>{1, 1}));
  EXPECT_EQ(TokenizerRecipe().crop_scale, (std::vector<double>{0.8, 1}));
  for (const char* wrong :
       {"smallest_crop: 0", "smallest_crop: 1.5", "smallest_crop: [1]", "{smallest_crop: 0.5, crop_scale: [0.8, 1]}"})
    EXPECT_THROW(read_config(parse_yaml(wrong, "old.yaml"), recipe, "old.yaml"), Error) << wrong;
  for (const auto& wrong : {std::vector<double>{0, 1}, {0.9, 0.8}, {0.8, 1.5}, {0.8}, {}}) {
    recipe = small_recipe("rgb", "scale");
    recipe.crop_scale = wrong;
    EXPECT_THROW(train_tokenizer(recipe), Error);
  }
}

// recipe.yaml as it was written before it said its format, with the keys of that time.
void make_first_format(const fs::path& run) {
  YAML::Node recipe = read_yaml(run / "recipe.yaml");
  recipe.remove("crop_scale");
  recipe.remove("crop_ratio");
  recipe["smallest_crop"] = 0.35;
  recipe["tokenizer"]["sync_codebook"] = true;
  write_file(run / "recipe.yaml", yaml_text(recipe));
}

TEST_F(TokenizerTraining, EarlierRunsGoOnOrSayWhyNot) {
  for (const int64_t accumulate : {1, 2}) {
    TokenizerRecipe recipe = small_recipe("rgb", "earlier");
    recipe.training.accumulate = accumulate;
    recipe.training.steps = 2;
    train_tokenizer(recipe);
    make_first_format(recipe.out);
    recipe.training.steps = 4;
    if (accumulate == 1) {
      EXPECT_EQ(train_tokenizer(recipe).step, 4);
      // Its own recipe.yaml says smallest_crop, which middle squares do not depend on.
      make_first_format(recipe.out);
      recipe.crop_scale = {0.1225, 1};
      recipe.crop_ratio = {1, 1};
      recipe.training.steps = 5;
      EXPECT_EQ(train_tokenizer(recipe).step, 5);
      continue;
    }
    try {
      train_tokenizer(recipe);
      FAIL() << "its codebook counts micro-batches";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("each micro-batch updated the codebook"), std::string::npos)
          << error.what();
    }
  }
  TokenizerRecipe crops = small_recipe("rgb", "earlier_crops");
  crops.crops = 2;
  crops.training.steps = 2;
  crops.crop_scale = {0.1225, 1};
  crops.crop_ratio = {1, 1};
  train_tokenizer(crops);
  make_first_format(crops.out);
  crops.training.steps = 3;
  TokenizerRecipe others = crops;
  others.crop_scale = {0.8, 1};
  EXPECT_THROW(train_tokenizer(others), Error);
  EXPECT_EQ(train_tokenizer(crops).step, 3);
}

// A tenth of a small set; of a set of one image nothing is left to train on.
TEST_F(TokenizerTraining, ADefaultShareOfASmallSetIsHeldOut) {
  TokenizerRecipe recipe = small_recipe("rgb", "few");
  recipe.eval_images.reset();
  recipe.training.steps = 1;
  const test::CapturedLog log;
  train_tokenizer(recipe);
  EXPECT_NE(log.text().find("training on 44 squares, 4 held out"), std::string::npos) << log.text();
  const fs::path one = temporary / "one";
  make_folder(one);
  fs::copy_file(fs::path(recipe.data) / "100.png", one / "100.png");
  recipe.data = one.string();
  recipe.out += "_one";
  const std::string message = test::message_of([&] { train_tokenizer(recipe); });
  EXPECT_NE(message.find("1 image, but 1 is held out; add images"), std::string::npos) << message;
}

TEST_F(TokenizerTraining, WrongRecipesAreNamed) {
  TokenizerRecipe recipe = small_recipe("rgb", "wrong");
  recipe.size = 30;
  EXPECT_THROW(train_tokenizer(recipe), Error);
  recipe.size = 32;
  recipe.eval_images = 48;
  EXPECT_THROW(train_tokenizer(recipe), Error);
}

}  // namespace
}  // namespace fourm
