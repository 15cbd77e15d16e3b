// Every recipe of configs/ starts, trains, evaluates and resumes exactly, at a reduced size on made data.
#include <gtest/gtest.h>

#include <filesystem>

#include "fourm/experiments/ablation.h"
#include "fourm/transfer/finetuning.h"
#include "tests/support/captured_log.h"
#include "tests/support/labelled_data.h"
#include "tests/support/message_of.h"
#include "tests/support/reduced_recipes.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/warnings.h"

namespace fourm {
namespace {

std::vector<fs::path> recipe_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(FOURM_SOURCE_DIR) / "configs"))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class RecipesTest : public testing::Test {
 protected:
  std::string under_root(const std::string& path) const { return path.empty() ? "" : (root / path).string(); }

  // A model of an earlier run, or one that comes with the program.
  std::string start_of(const std::string& path) const {
    if (path.empty() || fs::exists(root / path)) return under_root(path);
    return (fs::path(FOURM_SOURCE_DIR) / path).string();
  }

  // Trains, evaluates and resumes the recipe of a file, unless another recipe started from it before.
  void run(const fs::path& file) {
    if (!done.insert(file).second) return;
    SCOPED_TRACE(file.string());
    const YAML::Node yaml = read_yaml(file);
    if (yaml["modalities"].IsDefined() && yaml["modalities"].IsMap()) {
      ModalityTable().extend(file);
    } else if (yaml["task"].IsDefined()) {
      run_finetuning(file);
    } else if (yaml["tasks"].IsDefined()) {
      run_benchmark(file);
    } else if (yaml["values"].IsDefined()) {
      run_ablation(file);
    } else if (yaml["masking"].IsDefined()) {
      run_pretraining(file);
    } else if (yaml["tokenizer"].IsDefined() || yaml["start_from"].IsDefined()) {
      run_tokenizer(file);
    } else {
      run_clip(file);
    }
  }

  // The run whose model a recipe starts from. Models that come with the program are there.
  void run_first(const std::string& model) {
    if (model.empty() || fs::exists(fs::path(FOURM_SOURCE_DIR) / model / "config.json")) return;
    for (const fs::path& file : recipe_files())
      if (const YAML::Node yaml = read_yaml(file); yaml["out"].IsDefined())
        if (const auto out = yaml["out"].as<std::string>(); out == model || out + "/model" == model) return run(file);
    ADD_FAILURE() << model << ": no recipe makes it";
  }

  void run_pretraining(const fs::path& file) {
    PretrainConfig c;
    load_config(file, {}, c);
    EXPECT_GT(with_steps(c).training.steps, 0);
    run_first(c.init);
    // A model that comes with the program is not reduced.
    if (fs::exists(fs::path(FOURM_SOURCE_DIR) / c.init / "config.json")) c.init.clear();
    if (c.out.empty()) c.out = file.stem().string();  // of ablations, which give each run a folder
    trains_and_resumes(reduced(c, file.stem().string()), [](const auto& config) { return pretrain(config); });
  }

  // The recipe at a reduced size, with its data below the root; `name` is that of its modalities file.
  PretrainConfig reduced(PretrainConfig c, const std::string& name) const {
    test::reduce(c.training);
    c.tokens = c.warmup_tokens = 0;
    c.batch = 4;
    c.eval_samples = c.repeat_buffer = 2;
    c.model.dim = 8;
    c.model.num_heads = 2;
    c.model.encoder_depth = c.model.decoder_depth = 1;

    ModalityTable table = ModalityTable::official();
    if (!c.modalities.empty()) table.extend(fs::path(FOURM_SOURCE_DIR) / c.modalities);
    c.modalities = under_root(name + "_modalities.yaml");
    write_file(c.modalities, test::reduced_modalities(c.model, table));
    table.extend(fs::path(c.modalities));
    data.text_tokenizer(c.text_tokenizer);

    std::vector<std::string> all = c.model.domains_in;
    all.insert(all.end(), c.model.domains_out.begin(), c.model.domains_out.end());
    for (const auto& path : {c.data, c.eval_data})
      if (!path.empty()) data.token_set(path, all, table);
    for (TrainingSet& set : c.mixture) {
      data.token_set(set.path, set.domains_in.empty() ? all : set.domains_in, table);
      set.path = under_root(set.path);
    }
    for (auto* path : {&c.out, &c.data, &c.eval_data, &c.init, &c.text_tokenizer}) *path = under_root(*path);
    return c;
  }

  // Each task, from new weights: the model that is measured is not part of a benchmark.
  void run_benchmark(const fs::path& file) {
    TokenBenchmarkConfig benchmark;
    load_config(file, {}, benchmark);
    benchmark.out = file.stem().string();
    benchmark.recipe.init.clear();
    benchmark.recipe.modalities = (fs::path(FOURM_SOURCE_DIR) / benchmark.recipe.modalities).string();
    if (benchmark.recipe.model.dim == ModelConfig().dim) benchmark.recipe.model.image_size = 128;
    for (const TransferTask& task : benchmark.tasks) trains(recipe_of(benchmark, task, 0), task.name);
  }

  // The pre-training of each value.
  void run_ablation(const fs::path& file) {
    AblationConfig ablation;
    load_config(file, {}, ablation);
    EXPECT_EQ(ablation.name, file.stem().string());
    EXPECT_GE(ablation.seeds.size(), 3u);
    for (auto* path : {&ablation.recipe, &ablation.benchmark}) *path = (fs::path(FOURM_SOURCE_DIR) / *path).string();
    for (const AblationValue& value : ablation.values) {
      const AblationRun run = run_of(ablation, value, 0);
      if (value.pretrain) trains(run.pretraining, value.name);
    }
  }

  // One run at a reduced size, without resuming.
  void trains(const PretrainConfig& recipe, const std::string& name) {
    SCOPED_TRACE(name);
    const test::CapturedLog captured;
    const std::string error = test::message_of([&] { EXPECT_TRUE(pretrain(reduced(recipe, "one")).finished); });
    EXPECT_EQ(error, "no error");
    EXPECT_EQ(test::without_baseline_warnings(captured.warnings()), "");
  }

  void run_finetuning(const fs::path& file) {
    FinetuneRecipe r;
    load_config(file, {}, r);
    EXPECT_GT(r.epochs > 0 ? r.epochs : static_cast<double>(r.training.steps), 0);
    run_first(r.init);
    test::reduce(r.training);
    r.epochs = r.warmup_epochs = 0;
    r.batch = r.evaluation.batch = 2;
    r.head.width = 8;
    if (r.task == "detection") {  // without full image sizes and proposals
      r.image_size = std::min<int64_t>(r.image_size, 64);
      r.head.hidden = 16, r.head.proposals = 20, r.head.sampled_boxes = 16;
    }
    for (const LabelledData& set : {r.data, r.eval_data}) labelled_set(r.task, set);
    r.init = start_of(r.init);
    if (!r.modalities.empty()) r.modalities = (fs::path(FOURM_SOURCE_DIR) / r.modalities).string();
    for (auto* path : {&r.out, &r.data.path, &r.eval_data.path, &r.data.annotations, &r.eval_data.annotations})
      *path = under_root(*path);
    trains_and_resumes(r, [](const auto& recipe) { return finetune(recipe); });
  }

  // In the layout that the recipe expects.
  void labelled_set(const std::string& task, const LabelledData& set) const {
    const fs::path path = root / set.path;
    if (!set.annotations.empty())
      test::write_coco(path, set.split, 3, set.split.find("val") == std::string::npos ? 1 : 101);
    else if (!set.split.empty())
      test::write_ade20k(path, set.split, 3);
    else if (set.path.find("rooms") != std::string::npos)
      test::write_labelled_rooms(path, 3);
    else if (task == "depth")
      test::write_nyu(path, 3);
    else
      test::write_class_folders(path, 3, 1);
  }

  void run_tokenizer(const fs::path& file) {
    TokenizerRecipe r;
    load_config(file, {}, r);
    run_first(r.start_from);
    test::reduce(r.training);
    r.batch = 2;
    r.eval_images = 2;
    TokenizerConfig& t = r.tokenizer;
    t.codebook_size = test::kTokens;
    t.latent_dim = 8 * t.num_codebooks;
    for (auto* name : {&t.enc_type, &t.dec_type}) {
      if (!r.start_from.empty()) break;  // the config is that of the tokenizer that the recipe starts from
      if (mlp_sizes(*name)) {
        *name = "BottleneckMLP/B_1-Wi_16";
        continue;
      }
      TokenizerPreset preset = t.preset(*name);
      preset.dim_tokens = 16;
      preset.depth = preset.num_res_blocks = 1;
      preset.num_heads = 2;
      preset.model_channels = 32;
      preset.channel_mult = {1, 1};
      t.presets[*name] = preset;
    }
    r.start_from = start_of(r.start_from);
    if (!r.start_from.empty()) t = TokenizerFiles::open(r.start_from).config;
    for (const auto& path : {r.data, r.eval_data}) data.images(path, t);
    for (auto* path : {&r.out, &r.data, &r.eval_data}) *path = under_root(*path);
    trains_and_resumes(r, [](const auto& recipe) { return train_tokenizer(recipe); });
  }

  void run_clip(const fs::path& file) {
    ClipRecipe r;
    load_config(file, {}, r);
    test::reduce(r.training);
    r.batch = r.eval_samples = 2;
    r.model.image_width = r.model.text_width = r.model.embed_dim = 16;
    r.model.image_depth = r.model.text_depth = 1;
    r.model.image_heads = r.model.text_heads = 2;
    data.text_tokenizer(r.text_tokenizer);
    for (const auto& path : {r.data, r.eval_data}) data.described_images(path);
    for (auto* path : {&r.out, &r.data, &r.eval_data, &r.text_tokenizer}) *path = under_root(*path);
    trains_and_resumes(r, [](const auto& recipe) { return train_clip(recipe); });
  }

  template <class Recipe, class Train>
  void trains_and_resumes(const Recipe& recipe, const Train& train) {
    const fs::path out = recipe.out;
    const test::CapturedLog captured;
    std::string error;
    try {
      EXPECT_TRUE(train(recipe).finished);
      const std::string weights = read_file(out / "model/model.safetensors");
      // What a run that was killed in its second step leaves.
      fs::remove_all(out / "checkpoints/step-000002");
      fs::remove_all(out / "model");
      EXPECT_TRUE(train(recipe).finished);
      EXPECT_TRUE(weights == read_file(out / "model/model.safetensors")) << "resuming gives other weights";
      EXPECT_NE(read_file(out / "metrics.jsonl").find("\"eval\""), std::string::npos) << "no evaluation";
    } catch (const Error& thrown) {
      error = thrown.what();
    }
    EXPECT_EQ(test::without_baseline_warnings(captured.warnings()), "");
    EXPECT_EQ(error, "");
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
  test::MadeData data{root};
  std::set<fs::path> done;
};

bool fine_tunes(const fs::path& file) { return file.parent_path().filename() == "finetune"; }

TEST_F(RecipesTest, EachTrainsEvaluatesAndResumes) {
  const std::vector<fs::path> files = recipe_files();
  ASSERT_GE(files.size(), 50u);
  for (const fs::path& file : files)
    if (!fine_tunes(file)) run(file);
}

TEST_F(RecipesTest, EachFineTunesEvaluatesAndResumes) {
  for (const fs::path& file : recipe_files())
    if (fine_tunes(file)) run(file);
}

}  // namespace
}  // namespace fourm
