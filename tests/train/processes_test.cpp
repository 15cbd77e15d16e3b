// Training by several processes equals training by one on the same batches.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <sstream>

#include "fourm/core/config.h"
#include "fourm/core/json.h"
#include "fourm/nn/parameters.h"
#include "fourm/train/clip_training.h"
#include "fourm/train/pretraining.h"
#include "fourm/train/tokenizer_training.h"
#include "tests/support/captured_log.h"
#include "tests/support/described_images.h"
#include "tests/support/ranks.h"
#include "tests/support/small_tokenizers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"

namespace fourm {
namespace {

constexpr int64_t kSteps = 20;

class ProcessesTest : public testing::Test {
 protected:
  void SetUp() override { test::write_token_folder(root_ / "data", 12); }

  PretrainConfig recipe(const std::string& out) const {
    PretrainConfig c;
    read_config(parse_yaml(R"(
batch: 8
seed: 4
eval_samples: 10
)" + std::string(test::kSmallModel) +
                               R"(masking:
  input_tokens: [8, 24]
  target_tokens: [4, 24]
  mixture:
    - {name: rgb2all, input: {rgb@64: 1000}, target_others: 0.1}
    - {name: all2all, input_others: 0.1, target_others: 0.1}
training: {threads: 1, precision: f32, accumulate: 2, ema_decay: 0.9, optimizer: {clip_norm: 0.5},
           schedule: {lr: 0.005, warmup_steps: 5}, log_every: 1, checkpoint_every: 8, evaluate_every: 10}
)",
                           "the test"),
                c, "the test");
    c.data = c.eval_data = (root_ / "data").string();
    c.text_tokenizer = (root_ / "data" / "text.json").string();
    c.modalities = (root_ / "data" / "modalities.yaml").string();
    c.out = (root_ / out).string();
    c.training.steps = kSteps;
    return c;
  }

  void train(const PretrainConfig& config, int64_t processes, int64_t stop_after = kSteps) const {
    in_processes(processes, [&](const ProcessGroup& group) {
      int64_t steps = 0;
      // One process asks to stop; all do.
      const auto stop = [&] { return ++steps == stop_after && group.rank() == group.size() - 1; };
      pretrain(config, stop, group);
    });
  }

  static void in_processes(int64_t processes, const std::function<void(const ProcessGroup&)>& body) {
    if (processes == 1)
      body({});
    else
      test::in_ranks(processes, body);
  }

  TokenizerRecipe tokenizer_recipe(const std::string& out, const TokenizerConfig& tokenizer) const {
    TokenizerRecipe r;
    r.out = (root_ / out).string();
    r.data = (root_ / "discs" / "rgb").string();
    r.tokenizer = tokenizer;
    r.tokenizer.input.emplace();
    r.size = 32;
    r.batch = 6;
    r.eval_images = 4;
    set(r.training);
    return r;
  }

  ClipRecipe clip_recipe(const std::string& out) const {
    ClipRecipe r;
    r.out = (root_ / out).string();
    r.data = r.eval_data = (root_ / "discs").string();
    r.text_tokenizer = (root_ / "discs" / "text.json").string();
    r.batch = 10;
    r.eval_samples = 7;
    r.model = test::small_clip();
    set(r.training);
    return r;
  }

  static void set(TrainingConfig& training) {
    training.steps = kSteps;
    training.accumulate = 2;
    training.precision = "f32";
    training.schedule.lr = 2e-3;
    training.schedule.warmup_steps = 5;
    training.optimizer.clip_norm = 0.5;
    // Gradients that are zero but for rounding, as those of the biases of keys, would otherwise be steps of full length.
    training.optimizer.epsilon = 1e-3;
    training.ema_decay = 0.9;
    training.log_every = 1;
    training.checkpoint_every = 8;
    training.evaluate_every = 10;
    training.threads = 1;
  }

  // Of a run with adapters the model is one.
  fs::path model_file(const std::string& out) const {
    const fs::path adapter = root_ / out / "model" / "adapter.safetensors";
    return fs::exists(adapter) ? adapter : root_ / out / "model" / "model.safetensors";
  }
  std::string weights(const std::string& out) const { return read_file(model_file(out)); }

  // Without times.
  std::vector<Json> records(const std::string& out) const {
    std::vector<Json> all;
    std::istringstream lines(read_file(root_ / out / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      all.push_back(Json::parse(line));
      if (all.back().contains("train"))
        for (const char* name : {"seconds", "wait_seconds"}) all.back()["train"].erase(name);
    }
    return all;
  }

  void expect_close(const std::string& found, const std::string& expected) const {
    const auto a = SafetensorsFile::open(model_file(found)), b = SafetensorsFile::open(model_file(expected));
    ASSERT_EQ(a.tensors().size(), b.tensors().size());
    double difference = 0, length = 0;
    for (const auto& tensor : b.tensors()) {
      const Tensor value = read_tensor(b, tensor.name);
      const double own_length = value.norm().item<double>();
      const double own_difference = (read_tensor(a, tensor.name) - value).norm().item<double>();
      // Biases begin with zero, where rounding is all there is.
      EXPECT_LE(own_difference, 1e-5 * own_length + 1e-9) << tensor.name;
      difference += own_difference * own_difference;
      length += own_length * own_length;
    }
    EXPECT_LE(std::sqrt(difference), 1e-6 * std::sqrt(length));
    const auto of_a = records(found), of_b = records(expected);
    ASSERT_EQ(of_a.size(), of_b.size());
    for (size_t i = 0; i < of_b.size(); ++i)
      for (const char* kind : {"train", "eval"}) {
        ASSERT_EQ(of_a[i].contains(kind), of_b[i].contains(kind));
        if (!of_b[i].contains(kind)) continue;
        ASSERT_EQ(of_a[i][kind].size(), of_b[i][kind].size()) << of_a[i] << of_b[i];
        for (const auto& [name, value] : of_b[i][kind].items()) {
          // The gradient is what small differences of large numbers leave.
          const double bar = name == "gradient_norm" ? 1e-5 : 1e-6;
          EXPECT_NEAR(of_a[i][kind].at(name).get<double>(), value.get<double>(), bar * std::abs(value.get<double>()))
              << name << " in " << of_b[i]["step"];
        }
      }
  }

  test::TemporaryFolder temporary_;
  fs::path root_ = temporary_.path();
};

TEST_F(ProcessesTest, PretrainingEqualsOneProcess) {
  train(recipe("one"), 1);
  for (const int64_t processes : {2, 4}) {
    const std::string out = concat("of", processes);
    train(recipe(out), processes);
    expect_close(out, "one");
  }
}

TEST_F(ProcessesTest, EachLossAndUnevenPartsEqualOneProcess) {
  for (const char* loss : {"present", "token", "token_weighted_by_vocab"}) {
    PretrainConfig config = recipe(concat("one ", loss));
    config.loss = loss;
    config.batch = 5;
    config.training.steps = 6;
    train(config, 1);
    config.out = (root_ / "three").string() + loss;
    train(config, 3);
    expect_close(concat("three", loss), concat("one ", loss));
  }
}

TEST_F(ProcessesTest, RepeatsAndResumesBitForBit) {
  for (const char* out : {"whole", "again"}) train(recipe(out), 2);
  EXPECT_TRUE(weights("whole") == weights("again"));
  EXPECT_EQ(records("whole"), records("again"));
  train(recipe("stopped"), 2, 9);
  EXPECT_FALSE(fs::exists(root_ / "stopped" / "model"));
  EXPECT_TRUE(fs::exists(root_ / "stopped" / "checkpoints" / "step-000009"));
  train(recipe("stopped"), 2);
  EXPECT_TRUE(weights("whole") == weights("stopped"));
  EXPECT_EQ(records("whole"), records("stopped"));
}

TEST_F(ProcessesTest, ACheckpointGoesOnWithAnotherNumberOfProcesses) {
  train(recipe("one"), 1);
  train(recipe("changing"), 4, 5);
  train(recipe("changing"), 1, 4);
  train(recipe("changing"), 2);
  expect_close("changing", "one");
}

// Where optimizer state, averages and gradients are changes no bit of the
// result.
TEST_F(ProcessesTest, ShardingIsBitEqual) {
  for (const int64_t processes : {2, 4}) {
    for (const char* shard : {"none", "optimizer", "gradients"}) {
      PretrainConfig config = recipe(concat(shard, processes));
      config.training.shard = shard;
      train(config, processes);
    }
    const std::string plain = concat("none", processes);
    for (const char* shard : {"optimizer", "gradients"}) {
      EXPECT_TRUE(weights(concat(shard, processes)) == weights(plain)) << shard << " of " << processes;
      EXPECT_EQ(records(concat(shard, processes)), records(plain));
    }
  }
}

TEST_F(ProcessesTest, ShardsGoOnWithoutSharding) {
  train(recipe("one"), 1);
  PretrainConfig config = recipe("changing");
  config.training.shard = "gradients";
  train(config, 4, 5);
  EXPECT_TRUE(fs::exists(root_ / "changing/checkpoints/step-000005/optimizer-00004-of-00004.safetensors"));
  train(config, 2, 4);
  train(recipe("changing"), 1);
  expect_close("changing", "one");
}

// Each machine has all owners; the first writes what they own.
TEST_F(ProcessesTest, SeveralMachinesEqualOneProcess) {
  train(recipe("one"), 1);
  for (const char* shard : {"none", "gradients"}) {
    PretrainConfig config = recipe(shard);
    config.training.shard = shard;
    const auto stop_after = [&](int64_t last) {
      return [&config, last](const ProcessGroup& group) {
        int64_t steps = 0;
        pretrain(
            config, [&steps, last] { return ++steps == last; }, group);
      };
    };
    test::in_ranks(4, stop_after(5), 2);
    const bool sharded = std::string(shard) == "gradients";
    const fs::path checkpoint = root_ / shard / "checkpoints/step-000005";
    EXPECT_EQ(fs::exists(checkpoint / "optimizer-00002-of-00002.safetensors"), sharded);
    test::in_ranks(4, stop_after(kSteps), 2);
    expect_close(shard, "one");
  }
  EXPECT_TRUE(weights("gradients") == weights("none"));
}

// With k-means and restarts, which go by the vectors of all processes, and with noise, which goes by the image.
TEST_F(ProcessesTest, TokenizersEqualThoseOfOneProcess) {
  test::write_described_discs(root_ / "discs", 24);
  std::map<std::string, TokenizerConfig> configs;
  TokenizerConfig& cosine = configs["cosine"] = test::small_image_tokenizer();
  cosine.kmeans_init = true;
  TokenizerConfig& distance = configs["distance"] = test::small_image_tokenizer();
  distance.norm_codes = false;
  TokenizerConfig& memory = configs["memory"] = test::small_image_tokenizer();
  memory.quant_type = "memcodes";
  memory.num_codebooks = 2;
  TokenizerConfig& diffusion = configs["diffusion"] = test::small_image_tokenizer();
  diffusion.dec_type = "unet_small";
  TokenizerPreset& unet = diffusion.presets["unet_small"];
  unet.kind = "unet_patched";
  unet.patch_size = 4, unet.model_channels = 32, unet.num_res_blocks = 1;
  unet.channel_mult = {1, 1}, unet.attention_resolutions = {2};
  diffusion.cls_free_guidance_dropout = 0.5;
  diffusion.masked_cfg = true;
  for (const auto& [name, config] : configs) {
    for (const int64_t processes : {1, 2, 4})
      in_processes(processes, [&](const ProcessGroup& group) {
        TokenizerRecipe r = tokenizer_recipe(concat(name, processes), config);
        if (name == "diffusion") r.training.steps = 6;
        train_tokenizer(r, {}, group);
      });
    for (const int64_t processes : {2, 4}) expect_close(concat(name, processes), name + "1");
  }
}

TEST_F(ProcessesTest, TheImageTextModelEqualsThatOfOneProcess) {
  test::write_described_discs(root_ / "discs", 24);
  for (const int64_t processes : {1, 2, 4})
    in_processes(processes,
                 [&](const ProcessGroup& group) { train_clip(clip_recipe(concat("clip", processes)), {}, group); });
  for (const int64_t processes : {2, 4}) expect_close(concat("clip", processes), "clip1");
}

// Phases, adapters, stochastic depth and layers' rates: as one process does, wherever state and gradients are, and stopped
// and gone on as never stopped.
TEST_F(ProcessesTest, WaysOfTrainingEqualOneProcess) {
  std::map<std::string, std::function<void(PretrainConfig&)>> ways;
  ways["phases"] = [](PretrainConfig& c) {
    c.training.phases = {{7, {"*_embeddings.*", "mask_token"}, {.lr = 0.01, .decay = "constant"}},
                         {4, {"decoder.*"}, {.lr = 0.002, .warmup_steps = 2}}};
  };
  ways["phases, activations computed again"] = [&](PretrainConfig& c) {
    ways["phases"](c);
    c.training.checkpoint_activations = true;
  };
  ways["lora"] = [](PretrainConfig& c) {
    c.init = c.out.substr(0, c.out.rfind('/')) + "/base/model";
    c.training.lora = {2, 4, {"*attn.*", "decoder.*.fc?"}};
  };
  ways["drop path"] = [](PretrainConfig& c) {
    c.model.encoder_depth = c.model.decoder_depth = 2;
    c.training.drop_path = 0.5;
  };
  ways["layer decay"] = [](PretrainConfig& c) {
    c.training.optimizer.layer_decay = 0.6;
    c.training.schedule.decay = "inverse_sqrt";
    c.training.schedule.timescale = 5;
    c.training.schedule.cooldown_steps = 6;
  };
  PretrainConfig base = recipe("base");
  base.training.steps = 5;
  train(base, 1);
  for (const auto& [name, change] : ways) {
    const auto changed = [&, &apply = change](const std::string& out) {
      PretrainConfig c = recipe(out);
      c.training.optimizer.epsilon = 1e-3;  // see set()
      apply(c);
      return c;
    };
    const std::string one = name + " 1", two = name + " 2", sharded = name + " sharded", stopped = name + " stopped";
    train(changed(one), 1);
    train(changed(two), 2);
    expect_close(two, one);
    PretrainConfig c = changed(sharded);
    c.training.shard = "gradients";
    train(c, 2);
    EXPECT_TRUE(weights(sharded) == weights(two)) << name;
    for (const int64_t steps : {7, 3}) train(changed(stopped), 1, steps);
    train(changed(stopped), 1);
    EXPECT_TRUE(weights(stopped) == weights(one)) << name;
    EXPECT_EQ(records(stopped), records(one)) << name;
  }
}

// What is frozen in a phase stays bit for bit.
TEST_F(ProcessesTest, AFrozenPhaseChangesWhatLearnsAlone) {
  PretrainConfig c = recipe("run");
  c.training.phases = {{6, {"*_embeddings.*"}, {.lr = 0.01, .decay = "constant"}}};
  c.training.steps = 8;
  c.training.schedule.warmup_steps = 0;
  c.training.checkpoint_every = 2;
  c.training.keep_checkpoints = 4;
  train(c, 1);
  const auto changed = [&](const char* before, const char* after) {
    const auto a = SafetensorsFile::open(root_ / "run/checkpoints" / before / "model.safetensors"),
               b = SafetensorsFile::open(root_ / "run/checkpoints" / after / "model.safetensors");
    std::pair<int, int> counts;  // of embeddings, and of others
    for (const auto& t : a.tensors())
      if (!at::equal(read_tensor(a, t.name), read_tensor(b, t.name)))
        ++(t.name.find("_embeddings.") == std::string::npos ? counts.second : counts.first);
    return counts;
  };
  EXPECT_GT(changed("step-000002", "step-000006").first, 5);
  EXPECT_EQ(changed("step-000002", "step-000006").second, 0);
  EXPECT_GT(changed("step-000006", "step-000008").second, 5);
}

// All processes skip the same steps.
TEST_F(ProcessesTest, LongGradientsAreSkippedByAll) {
  train(recipe("all"), 1);
  std::vector<double> norms;
  for (const Json& record : records("all"))
    if (record.contains("train")) norms.push_back(record["train"]["gradient_norm"].get<double>());
  std::sort(norms.begin(), norms.end());
  const double most =
      (norms[norms.size() - 2] + norms.back()) / 2;  // the longest is skipped, and what follows may be, too
  const auto skipping = [&](const std::string& out, const char* shard, int64_t processes) {
    PretrainConfig c = recipe(out);
    c.training.optimizer.skip_norm = most;
    c.training.shard = shard;
    train(c, processes);
    double skipped = 0;
    for (const Json& record : records(out))
      if (record.contains("train")) skipped = record["train"].value("skipped_steps", skipped);
    return skipped;
  };
  const double skipped = skipping("one", "none", 1);
  EXPECT_GT(skipped, 0);
  EXPECT_LT(skipped, kSteps);
  EXPECT_EQ(skipping("two", "none", 2), skipped);
  EXPECT_EQ(skipping("sharded", "gradients", 2), skipped);
  expect_close("two", "one");
  EXPECT_TRUE(weights("two") == weights("sharded"));
}

// The newest checkpoint that is whole is taken, whatever is wrong with a later
// one.
TEST_F(ProcessesTest, ADamagedCheckpointIsPassedOver) {
  train(recipe("whole"), 1);
  const auto damage = [&](const std::string& out, const std::string& file,
                          const std::function<void(std::string&)>& change) {
    PretrainConfig config = recipe(out);
    config.training.keep_checkpoints = 3;
    train(config, 1, 18);
    const fs::path path = root_ / out / "checkpoints" / "step-000018" / file;
    std::string bytes = read_file(path);
    change(bytes);
    write_file(path, bytes);
    const test::CapturedLog captured;
    train(config, 1);
    EXPECT_NE(captured.warnings().find(path.filename().string()), std::string::npos) << captured.warnings();
    EXPECT_NE(captured.warnings().find("the run resumes from the checkpoint before it"), std::string::npos);
    EXPECT_TRUE(weights(out) == weights("whole")) << out;
  };
  damage("bit", "optimizer.safetensors", [](std::string& bytes) { bytes[bytes.size() / 2] ^= 4; });
  damage("cut", "model.safetensors", [](std::string& bytes) { bytes.resize(bytes.size() - 100); });
  damage("state", "state.json", [](std::string& bytes) { bytes.resize(5); });
  damage("keys", "state.json", [](std::string& bytes) { bytes = "{\"step\": 9}"; });
}

TEST_F(ProcessesTest, SomeCheckpointsAreKeptForGood) {
  PretrainConfig config = recipe("run");
  config.training.checkpoint_every = 2;
  config.training.keep_every = 6;
  config.training.keep_checkpoints = 1;
  train(config, 1);
  std::vector<std::string> kept;
  for (const auto& entry : fs::directory_iterator(root_ / "run" / "checkpoints"))
    kept.push_back(entry.path().filename());
  std::sort(kept.begin(), kept.end());
  EXPECT_EQ(kept, (std::vector<std::string>{"step-000006", "step-000012", "step-000018", "step-000020"}));
}

TEST_F(ProcessesTest, ADifferentRecipeIsNamed) {
  const auto errors = test::errors_in_ranks(2, [&](const ProcessGroup& group) {
    PretrainConfig config = recipe("run");
    if (group.rank() == 1) config.batch = 4;
    pretrain(config, {}, group);
  });
  for (const auto& error : errors)
    EXPECT_EQ(error,
              "rank 1 has another recipe than rank 0: 'batch: 4' "
              "instead of 'batch: 8'");
  EXPECT_FALSE(fs::exists(root_ / "run"));
}

TEST_F(ProcessesTest, ABatchHasASampleForEachProcess) {
  PretrainConfig config = recipe("run");
  config.batch = 1;
  for (const auto& error : test::errors_in_ranks(2, [&](const ProcessGroup& group) { pretrain(config, {}, group); }))
    EXPECT_NE(error.find("batch is 1, expected at least a sample for each of "
                         "the 2 processes"),
              std::string::npos)
        << error;
}

}  // namespace
}  // namespace fourm
