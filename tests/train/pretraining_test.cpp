#include "fourm/train/pretraining.h"

#include <gtest/gtest.h>

#include "fourm/core/config.h"
#include "fourm/core/error.h"
#include "fourm/data/convert.h"
#include "fourm/io/npy.h"
#include "fourm/model/model_file.h"
#include "fourm/nn/position.h"
#include "tests/support/captured_log.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/token_folder.h"
#include "tests/support/warnings.h"

namespace fourm {
namespace {

class PretrainingTest : public testing::Test {
 protected:
  void SetUp() override { test::write_token_folder(root / "data", 8); }

  PretrainConfig config(const std::string& out, int64_t steps) const {
    PretrainConfig c;
    read_config(parse_yaml(R"(
batch: 8
seed: 4
eval_samples: 8
)" + std::string(test::kSmallModel) +
                               R"(masking:
  input_tokens: [8, 24]
  target_tokens: [24, 24]
  mixture:
    - {name: rgb2all, input: {rgb@64: 1000}, target_others: 0.5}
    - {name: all2all, input_others: 0.5, target_others: 0.5}
    - {name: never, weight: 0, input_others: 0.5, target_others: 0.5}
training: {threads: 1, precision: f32, ema_decay: 0.98, schedule: {lr: 0.01, warmup_steps: 10}, checkpoint_every: 7, evaluate_every: 0}
)",
                           "the test"),
                c, "the test");
    c.data = c.eval_data = (root / "data").string();
    c.text_tokenizer = (root / "data" / "text.json").string();
    c.modalities = (root / "data" / "modalities.yaml").string();
    c.out = (root / out).string();
    c.training.steps = steps;
    c.training.schedule.warmup_steps = std::min<int64_t>(10, steps);
    return c;
  }

  static TrainingSet set(const std::string& path, double weight = 1) {
    TrainingSet s;
    s.path = path;
    s.weight = weight;
    return s;
  }

  static std::string failure(const PretrainConfig& c) {
    try {
      pretrain(c);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  Json last_evaluation(const std::string& out) const {
    Json last;
    std::istringstream lines(read_file(root / out / "metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const Json record = Json::parse(line);
      if (record.contains("eval")) last = record["eval"];
    }
    return last;
  }

  test::TemporaryFolder temporary;
  fs::path root = temporary.path();
};

// What the pixels determine is learned: everything but the choice between two captions.
TEST_F(PretrainingTest, Overfits) {
  EXPECT_TRUE(pretrain(config("run", 600)).finished);
  const Json eval = last_evaluation("run");
  EXPECT_LT(eval.at("rgb2all/tok_depth@64").get<double>(), 0.01 * std::log(32)) << eval;
  EXPECT_LT(eval.at("rgb2all/det").get<double>(), 0.3) << eval;
  EXPECT_LT(eval.at("rgb2all/caption").get<double>(), 1.0) << eval;

  const FourM model = load_model(root / "run" / "model");
  EXPECT_EQ(model.config().dim, 32);
  EXPECT_EQ(read_file(root / "run/model/tokenizer.json"), read_file(root / "data/text.json"));
  EXPECT_EQ(model.modality("tok_depth@64").vocab_size, 32);
}

TEST_F(PretrainingTest, ResumesAndRepeatsBitForBit) {
  const auto run = [&](const std::string& out) {
    PretrainConfig c = config(out, 20);
    c.training.threads = 2;
    pretrain(c);
  };
  run("whole");
  run("again");
  // A run that was killed between step 14 and 20 has these files.
  run("cut");
  fs::remove_all(root / "cut" / "checkpoints" / "step-000020");
  fs::remove_all(root / "cut" / "model");
  run("cut");
  const std::string weights = read_file(root / "whole" / "model" / "model.safetensors");
  EXPECT_TRUE(weights == read_file(root / "again" / "model" / "model.safetensors"));
  EXPECT_TRUE(weights == read_file(root / "cut" / "model" / "model.safetensors"));
}

// A mixture of folders and of shards with several crops and absent captions, each sample used three times while it is
// in memory: stopped and gone on, as never stopped.
TEST_F(PretrainingTest, MixturesResumeBitForBit) {
  const auto array = [&](const std::string& modality, int i, const NpyArray& values) {
    write_npy(root / "folders" / modality / ("photo" + std::to_string(i) + ".npy"), values);
  };
  for (int i = 0; i < 7; ++i) {
    array("rgb@64", i, npy_from_integers(std::vector<int64_t>(2 * 64 * 64 * 3, 30 * i), {2, 64, 64, 3}, "u1"));
    array("tok_depth@64", i, npy_from_integers(std::vector<int64_t>(32, i), {2, 16}, "i2"));
    array("crop_settings", i, npy_from_integers({0, 0, 64, 64, 0, 0, 0, 60, 60, 1}, {2, 5}, "i4"));
    const std::string name = "photo" + std::to_string(i);
    if (i % 2) write_file(root / "folders/caption" / (name + ".txt"), "a lamp left of a bed");
    write_json(root / "folders/det" / (name + ".json"), {{"instances", Json::array()}});
  }
  convert_to_shards((root / "folders").string(), root / "shards", 3);
  const auto run = [&](const std::string& out) {
    PretrainConfig c = config(out, 12);
    c.mixture = {set(c.data, 2), set((root / "shards").string(), 1)};
    c.repeats = 3;
    c.repeat_buffer = 5;
    c.data.clear();
    pretrain(c);
    return read_file(root / out / "model" / "model.safetensors");
  };
  const std::string weights = run("whole");
  run("cut");
  fs::remove_all(root / "cut" / "checkpoints" / "step-000012");
  fs::remove_all(root / "cut" / "model");
  EXPECT_TRUE(weights == run("cut"));
}

// Sets of different modalities, one with masking and repeats of its own, make one run, which resumes exactly.
TEST_F(PretrainingTest, SetsOfAMixtureMayHaveDifferentModalitiesAndMasking) {
  for (int i = 0; i < 5; ++i)
    write_file(root / "texts/caption" / ("text" + std::to_string(i) + ".txt"), "a lamp with a bed with a chair");
  test::write_token_folder(root / "images", 4, 2);
  for (const char* modality : {"caption", "det"}) fs::remove_all(root / "images" / modality);
  const auto run = [&](const std::string& out) {
    PretrainConfig c = config(out, 8);
    YAML::Node recipe = to_yaml(c);
    recipe["data"] = "";
    recipe["repeats"] = 2;
    recipe["mixture"] = parse_yaml(
        concat("{", c.data, ": 2, ", (root / "images").string(), ": {weight: 1}, ", (root / "texts").string(),
               R"(: {weight: 1, domains_in: [caption], domains_out: [caption], repeats: 1,
                                             masking: {input_tokens: [4, 8], mixture:
                                               [{name: texts, input: {caption: 1}, target: {caption: 1}}]}}})"),
        "the test");
    read_config(recipe, c, "the test");
    const test::CapturedLog captured;
    pretrain(c);
    return captured.warnings();
  };
  const std::string warnings = test::without_baseline_warnings(run("whole")), images = (root / "images").string();
  EXPECT_EQ(warnings,
            "warning: " + images +
                ": has no caption, det (it has crop_settings, rgb@64, tok_depth@64); its samples are used without\n");
  EXPECT_GT(last_evaluation("whole").at("all2all/caption").get<double>(), 0);
  run("cut");
  fs::remove_all(root / "cut" / "checkpoints" / "step-000008");
  fs::remove_all(root / "cut" / "model");
  run("cut");
  EXPECT_TRUE(read_file(root / "whole" / "model" / "model.safetensors") ==
              read_file(root / "cut" / "model" / "model.safetensors"));
}

TEST_F(PretrainingTest, SetsThatFitNoMaskingAreNamed) {
  for (int i = 0; i < 5; ++i) write_file(root / "texts/caption" / (std::to_string(i) + ".txt"), "a lamp");
  const auto message = [&](const char* masking, TrainingSet set) -> std::string {
    PretrainConfig c = config("run", 2);
    read_config(parse_yaml(masking, "the test"), c.masking, "the test");
    set.path = (root / "texts").string();
    c.mixture = {set};
    c.data.clear();
    return failure(c);
  };
  const std::string texts = (root / "texts").string();
  const char* pixels = "mixture: [{name: rgb2all, input: {rgb@64: 1}, target_others: 1}]";
  EXPECT_EQ(message(pixels, {}), texts +
                                     ": no component of the masking mixture has an input and a target among caption; "
                                     "give the set a masking.mixture of its own");
  EXPECT_NE(
      message("mixture: [{input: {rgb@64: 1}, target_others: 1}, {weight: 0, input_others: 1, target_others: 1}]", {})
          .find("no component of the masking mixture"),
      std::string::npos)
      << "a component that is never drawn does not count";
  TrainingSet unknown, other;
  unknown.domains_in = {"captoin"};
  EXPECT_EQ(message(pixels, unknown),
            "mixture." + texts + ".domains_in: 'captoin' is not in model.domains_in (did you mean 'caption'?)");
  other.domains_in = other.domains_out = {"caption"};
  other.masking.mixture.resize(1);
  other.masking.mixture[0].input = {{"det", 1}};
  other.masking.mixture[0].target_others = 1;
  EXPECT_EQ(message(pixels, other),
            "mixture." + texts + ".masking.mixture[0].input: 'det' is not one of its modalities");
  // The recipe's own masking counts only where something uses it.
  TrainingSet own = other;
  own.masking.mixture[0].input = own.masking.mixture[0].target = {{"caption", 1}};
  own.masking.mixture[0].target_others = 0;
  const char* wrong = "mixture: [{input: {captoin: 1}, target_others: 1}]";
  EXPECT_NE(message(wrong, own).find("masking.mixture[0].input: 'captoin' is not one of its modalities"),
            std::string::npos);
  PretrainConfig unused = config("unused", 2);
  read_config(parse_yaml(wrong, "the test"), unused.masking, "the test");
  own.path = texts;
  unused.mixture = {own};
  unused.data = unused.eval_data = "";
  EXPECT_EQ(failure(unused), "");
}

// What a set lacks is a warning; the model keeps it.
TEST_F(PretrainingTest, FineTuningOnASetThatLacksModalitiesKeepsTheModel) {
  pretrain(config("first", 3));
  fs::remove_all(root / "data" / "tok_depth@64");
  fs::remove(root / "data" / "caption" / "room2.json");
  PretrainConfig next = config("next", 3);
  next.init = (root / "first" / "model").string();
  next.model = {};
  const test::CapturedLog captured;
  pretrain(next);
  const std::string warnings = captured.warnings();
  EXPECT_NE(warnings.find("warning: " + (root / "data").string() + ": has no tok_depth@64"), std::string::npos)
      << warnings;
  const FourM first = load_model(root / "first" / "model"), got = load_model(root / "next" / "model");
  EXPECT_EQ(got.config().domains_out, first.config().domains_out);
  const auto weights = [](const FourM& model, const char* name) { return model.parameters().find(name); };
  const char* depth = "decoder_embeddings.tok_depth@64.to_logits.weight";
  const char* caption = "decoder_embeddings.caption.to_logits.weight";
  EXPECT_TRUE(weights(got, depth).equal(weights(first, depth)));
  EXPECT_FALSE(weights(got, caption).equal(weights(first, caption)));
}

// A batch may ask for nothing: texts that are given whole.
TEST_F(PretrainingTest, BatchesWithoutTargetsChangeNothing) {
  PretrainConfig c = config("run", 2);
  read_config(
      parse_yaml(
          "{input_tokens: [24, 24], mixture: [{input: {caption: 1}, target: {caption: 1}, keep: {caption: all}}]}",
          "the test"),
      c.masking, "the test");
  EXPECT_TRUE(pretrain(c).finished);
  EXPECT_FALSE(last_evaluation("run").contains("loss"));
}

// A component that leaves no target has no loss, so the mean of the evaluation is that of the other components.
TEST_F(PretrainingTest, EvaluationsLeaveOutComponentsWithoutTargets) {
  PretrainConfig c = config("run", 2);
  read_config(parse_yaml("{input_tokens: [24, 24], mixture: [{name: none, weight: 3, input: {caption: 1}, target: "
                         "{caption: 1}, keep: {caption: all}}, {name: depth, input: {rgb@64: 1}, target: "
                         "{tok_depth@64: 1}}]}",
                         "the test"),
              c.masking, "the test");
  const test::CapturedLog captured;
  pretrain(c);
  const std::string said = captured.text();
  const std::string warning = "the masking component 'none' leaves no target";
  EXPECT_NE(said.find(warning), std::string::npos) << said;
  EXPECT_EQ(said.find(warning), said.rfind(warning)) << said;
  const Json eval = last_evaluation("run");
  EXPECT_EQ(eval.at("loss"), eval.at("depth/loss"));
  EXPECT_GT(eval.at("loss").get<double>(), 0);
  EXPECT_FALSE(eval.contains("none/loss"));
}

// bfloat16 products: float32 weights that follow the float32 run closely at first, learn, and repeat bit for bit.
TEST_F(PretrainingTest, LearnsInBfloat16) {
  const auto run = [&](const std::string& out, int64_t steps, const std::string& precision) {
    PretrainConfig c = config(out, steps);
    c.training.precision = precision;
    pretrain(c);
    return last_evaluation(out);
  };
  const double f32 = run("f32", 12, "f32").at("loss"), bf16 = run("bf16", 12, "bf16").at("loss");
  EXPECT_NE(f32, bf16);
  EXPECT_NEAR(f32, bf16, 0.02 * f32);
  run("again", 12, "bf16");
  EXPECT_TRUE(read_file(root / "bf16" / "model" / "model.safetensors") ==
              read_file(root / "again" / "model" / "model.safetensors"));
  EXPECT_LT(run("long", 300, "bf16").at("rgb2all/tok_depth@64").get<double>(), 0.05 * std::log(32));
  EXPECT_THROW(run("typo", 12, "bf61"), Error);
}

// "token" of earlier recipe files is today's token_weighted_by_vocab: such a run is resumed under that name only.
TEST_F(PretrainingTest, ARunKeepsTheLossItBeganWith) {
  PretrainConfig c = config("run", 12);
  c.loss = "token_weighted_by_vocab";
  pretrain(c);
  YAML::Node stored = read_yaml(root / "run" / "recipe.yaml");
  stored["loss"] = "token";
  write_file(root / "run" / "recipe.yaml", yaml_text(stored));  // without the line that says the format
  c.training.steps = 14;
  c.loss = "token";
  try {
    pretrain(c);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("loss was 'token_weighted_by_vocab', now 'token'"), std::string::npos)
        << error.what();
  }
  c.loss = "token_weighted_by_vocab";
  EXPECT_EQ(pretrain(c).step, 14);
  c.loss = "tokn";
  EXPECT_THROW(pretrain(c), Error);
}

// The crops of an evaluation are the first ones: the second crop here could not be read.
TEST_F(PretrainingTest, EvaluationsTakeTheFirstCrop) {
  test::write_token_folder(root / "val", 6, 2);
  for (int i = 0; i < 6; ++i) {
    std::vector<int64_t> tokens(32, 5);
    std::fill(tokens.begin() + 16, tokens.end(), 999);
    write_npy(root / "val/tok_depth@64" / ("room" + std::to_string(i) + ".npy"),
              npy_from_integers(tokens, {2, 16}, "i2"));
  }
  PretrainConfig c = config("run", 2);
  c.eval_data = (root / "val").string();
  EXPECT_EQ(failure(c), "");
  EXPECT_GT(last_evaluation("run").at("rgb2all/tok_depth@64").get<double>(), 0);
}

TEST_F(PretrainingTest, UnknownModalitiesOfTheModelAreNamedWithTheirKey) {
  PretrainConfig c = config("run", 2);
  c.model.domains_in.emplace_back("tok_dpeth@64");
  const std::string message = failure(c);
  EXPECT_EQ(message.find("model.domains_in: unknown modality 'tok_dpeth@64' (did you mean 'tok_depth@64'?)"), 0u)
      << message;
}

// Components without names are numbered in the recipe, so that a component which is left out renames no other.
TEST_F(PretrainingTest, MeasuresKeepTheNumbersOfTheirComponents) {
  fs::remove_all(root / "data/rgb@64");
  PretrainConfig c = config("run", 2);
  for (auto& component : c.masking.mixture) component.name.clear();
  pretrain(c);
  EXPECT_TRUE(last_evaluation("run").contains("1/caption"));
  EXPECT_FALSE(last_evaluation("run").contains("0/caption"));
  c.masking.mixture[1].name = "all";  // a run may change what it calls them
  c.training.steps = 3;
  EXPECT_EQ(pretrain(c).step, 3);
  EXPECT_TRUE(last_evaluation("run").contains("all/caption"));
  c.out = (root / "twice").string();
  c.masking.mixture[0].name = c.masking.mixture[1].name = "one";
  EXPECT_EQ(failure(c), "masking.mixture[1].name: 'one' is the name of an earlier component; give each another name");
}

// The paths of a mixture may change while the run lives, the order of its sets may not.
TEST_F(PretrainingTest, SetsOfAMixtureMayMove) {
  test::write_token_folder(root / "b", 4);
  test::write_token_folder(root / "a", 5);
  const std::string a = (root / "a").string(), b = (root / "b").string();
  const auto mixture = [&](int64_t steps, const std::string& sets) {
    PretrainConfig c = config("run", 12);
    YAML::Node recipe = to_yaml(c);
    recipe["data"] = "";
    recipe["mixture"] = parse_yaml(sets, "the test");
    read_config(recipe, c, "the test");
    c.training.steps = steps;
    return c;
  };
  const PretrainConfig begun = mixture(12, "{" + b + ": 1, " + a + ": {weight: 2}}");
  ASSERT_EQ(begun.mixture.size(), 2u);
  EXPECT_EQ(begun.mixture[0].path, b) << "the order of the recipe";
  EXPECT_EQ(pretrain(begun).step, 12);
  const std::string file = (root / "run/recipe.yaml").string();
  EXPECT_EQ(
      failure(mixture(13, "{" + a + ": 1, " + b + ": 2}")),
      file + ": the sets of 'mixture' are in another order than when the run began; put them back: " + b + ", " + a);
  fs::rename(root / "b", root / "moved");
  const std::string moved = (root / "moved").string();
  EXPECT_EQ(pretrain(mixture(13, "[{path: " + moved + "}, {path: " + a + ", weight: 2}]")).step, 13);
  EXPECT_NE(failure(mixture(14, "{" + moved + ": 1, " + a + ": 3}")).find("mixture[1].weight was '2', now '3'"),
            std::string::npos);

  // Earlier recipes knew the sets by their paths.
  YAML::Node stored = read_yaml(file);
  stored["mixture"] = parse_yaml("{" + a + ": 2, " + moved + ": 1}", "the test");
  stored["tokens"] = 1e-6;
  write_file(file, yaml_text(stored));
  EXPECT_EQ(pretrain(mixture(14, "{" + moved + ": 1, " + a + ": 2}")).step, 14);
  write_file(file, yaml_text(stored));
  fs::rename(root / "moved", root / "b");
  EXPECT_EQ(pretrain(mixture(15, "{" + b + ": 1, " + a + ": 2}")).step, 15) << "one of them moved";
  write_file(file, yaml_text(stored));
  fs::rename(root / "a", root / "c");
  EXPECT_NE(failure(mixture(16, "{" + b + ": 1, " + (root / "c").string() + ": 2}")).find("2 of them have other paths"),
            std::string::npos);
  EXPECT_THROW(mixture(16, "{" + b + ": [1]}"), Error);
  EXPECT_THROW(mixture(16, "{" + b + ": {path: " + a + "}}"), Error);
}

// One key says how long a run is.
TEST_F(PretrainingTest, TokensAndStepsAreNotGivenTogether) {
  PretrainConfig c;
  const auto message = [&](const char* yaml) -> std::string {
    try {
      read_config(parse_yaml(yaml, "recipe"), c, "recipe");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("{tokens: 1, training: {steps: 1000}}"),
            "recipe: 'tokens' and 'training.steps' both say how long the run is; leave out training.steps, or give "
            "tokens=0");
  EXPECT_NE(message("{warmup_tokens: 0.5, training: {schedule: {warmup_steps: 0}}}")
                .find("'warmup_tokens' and 'training.schedule.warmup_steps' both"),
            std::string::npos);
  EXPECT_EQ(message("{tokens: 0, warmup_tokens: 0, training: {steps: 10, schedule: {warmup_steps: 2}}}"), "");
  EXPECT_EQ(message("{tokens: 2, warmup_tokens: 1, batch: 1000, training: {schedule: {lr: 1}}}"), "");
  EXPECT_EQ(with_steps(c).training.steps, 7813);
  EXPECT_EQ(with_steps(c).tokens, 0) << "the run says its length in steps";
}

// Embeddings whose width the recipe does not state have that of the data, in every set.
TEST_F(PretrainingTest, TheWidthOfEmbeddingsIsThatOfTheData) {
  const auto write = [&](const std::string& set, int64_t width) {
    for (int i = 0; i < 8; ++i)
      write_npy(root / set / "t5_caption" / ("room" + std::to_string(i) + ".npy"),
                npy_from_floats(std::vector<float>(2 * width, float(i)), {2, width}));
  };
  write("data", 6);
  PretrainConfig c = config("run", 2);
  c.model.domains_in.emplace_back("t5_caption");
  const test::CapturedLog captured;
  pretrain(c);
  EXPECT_NE(captured.text().find(
                c.data + ": t5_caption has vectors of 6 numbers, so the model reads that width instead of the 4096"),
            std::string::npos);
  EXPECT_EQ(load_model(root / "run/model").modality("t5_caption").width, 6);
  c.training.steps = 3;
  EXPECT_EQ(pretrain(c).step, 3);
  // A model to start from states it, by its own table.
  PretrainConfig next = c;
  next.out = (root / "next").string();
  next.init = c.out + "/model";
  next.model = {};
  next.modalities.clear();
  EXPECT_EQ(failure(next), "");
  PretrainConfig bare = next;  // the model of `init` is read without its weights
  bare.init = (root / "bare").string();
  write_file(root / "bare/config.json", read_file(root / "run/model/config.json"));
  EXPECT_EQ(with_model(bare).model.dim, 32);
  EXPECT_EQ(load_model(root / "next/model").modality("t5_caption").width, 6);
  test::write_token_folder(root / "other", 8);
  write("other", 4);
  next.data = (root / "other").string();
  next.out = (root / "third").string();
  EXPECT_NE(failure(next).find("expected vectors of 6 numbers, found 4"), std::string::npos);
  PretrainConfig both = c;
  both.out = (root / "both").string();
  both.mixture = {set(c.data), set((root / "other").string())};
  both.data.clear();
  EXPECT_NE(failure(both).find("t5_caption has vectors of 4 numbers, those of an earlier set have 6"),
            std::string::npos);
}

TEST_F(PretrainingTest, StartsFromAModel) {
  pretrain(config("first", 12));
  PretrainConfig next = config("next", 1);
  next.init = (root / "first" / "model").string();
  next.training.schedule = {.lr = 0, .decay = "constant"};
  pretrain(next);
  EXPECT_TRUE(read_file(root / "first" / "model" / "model.safetensors") ==
              read_file(root / "next" / "model" / "model.safetensors"));
}

// What 'learn' names changes, the rest stays as it is.
TEST_F(PretrainingTest, LearnsOnlyWhatIsNamed) {
  PretrainConfig c = config("part", 12);
  c.learn = {"encoder.*.mlp.fc2.weight", "decoder_norm.*"};
  PretrainConfig untouched = config("untouched", 1);
  untouched.training.schedule = {.lr = 0, .decay = "constant"};
  pretrain(c);
  pretrain(untouched);
  const FourM got = load_model(root / "part" / "model"), start = load_model(root / "untouched" / "model");
  for (const auto& [name, value, is_parameter] : got.parameters().entries()) {
    const bool learns =
        (name.starts_with("encoder.") && name.ends_with("mlp.fc2.weight")) || name == "decoder_norm.weight";
    EXPECT_EQ(value.equal(start.parameters().find(name)), !learns) << name;
  }
  c.learn = {"encoder.*.mlp.fc9.weight"};
  c.out = (root / "typo").string();
  EXPECT_THROW(pretrain(c), Error);
}

// A modality may be added: what the start knows is taken over, the rest is fresh.
TEST_F(PretrainingTest, StartsFromAModelOfFewerModalities) {
  PretrainConfig first = config("first", 12);
  first.model.domains_in = {"rgb@64", "caption"};
  first.model.domains_out = {"caption"};
  pretrain(first);
  PretrainConfig next = config("next", 1);
  next.init = (root / "first" / "model").string();
  next.training.schedule = {.lr = 0, .decay = "constant"};
  pretrain(next);
  PretrainConfig fresh = next;
  fresh.init.clear();
  fresh.out = (root / "fresh").string();
  pretrain(fresh);
  const FourM start = load_model(root / "first" / "model"), got = load_model(root / "next" / "model"),
              other = load_model(root / "fresh" / "model");
  int taken = 0, added = 0;
  for (const auto& [name, value, is_parameter] : got.parameters().entries()) {
    const Tensor known = start.parameters().find(name);
    EXPECT_TRUE(value.equal(known.defined() ? known : other.parameters().find(name))) << name;
    ++(known.defined() ? taken : added);
  }
  EXPECT_GT(taken, 10);
  EXPECT_GT(added, 3);
  next.model.dim = 64;
  next.model.num_heads = 4;
  next.out = (root / "wider").string();
  try {
    pretrain(next);
    ADD_FAILURE() << "models of another width share no tensors";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), next.init +
                                ": is not the model of the recipe: dim 32 (recipe: 64), num_heads 2 (recipe: 4); "
                                "give 'model' the values of its config.json, or another 'init'");
  }
}

// Fixed position tables are made for the new image size; learned ones of another length and vocabularies of another size
// start fresh, by name.
// The folder of a model of official modalities has no modalities.yaml.
TEST_F(PretrainingTest, StartsFromAModelWhoseModalityTheRecipeChanges) {
  PretrainConfig next = config("next", 1);
  const ModalityTable table = recipe_modalities(next);
  const FourM whole = create_model(next.model, table, 1);
  save_model(whole, root / "start");
  fs::remove(root / "start/modalities.yaml");
  write_file(root / "changed.yaml",
             read_file(next.modalities) + "\n  det: {kind: sequence, vocab_size: 401, max_tokens: 16}\n");
  next.modalities = (root / "changed.yaml").string();
  next.init = (root / "start").string();
  next.out = (root / "next").string();
  const test::CapturedLog captured;
  pretrain(next);
  EXPECT_NE(captured.text().find("not taken, and start fresh: decoder_embeddings.det (1), encoder_embeddings.det (1)"),
            std::string::npos)
      << captured.text();
}

TEST_F(PretrainingTest, StartsFromAModelOfAnotherImageSize) {
  const std::string rows = R"(
  tok_any: {vocab_size: 32, patch_size: 16}
  tok_global: {vocab_size: 32, patch_size: 32, positions: learned}
)";
  const auto model = [&](const std::string& out, const std::string& yaml, int64_t image_size) {
    write_file(root / (out + ".yaml"), std::string(test::kSmallModalities) + yaml);
    PretrainConfig c = config(out, 1);
    c.modalities = (root / (out + ".yaml")).string();
    c.model.image_size = image_size;
    for (const char* name : {"tok_any", "tok_global"}) {
      c.model.domains_in.emplace_back(name);
      c.model.domains_out.emplace_back(name);
    }
    c.training.schedule = {.lr = 0, .decay = "constant"};
    return c;
  };
  const auto run = [&](const PretrainConfig& c) {
    const test::CapturedLog captured;
    pretrain(c);
    return captured.text();
  };
  PretrainConfig first = model("first", rows, 64);
  first.model.domains_out.pop_back();  // its encoder alone knows tok_global
  run(first);
  PretrainConfig next = model("next", rows + "  det: {kind: sequence, vocab_size: 401, max_tokens: 16}\n", 128);
  next.init = (root / "first" / "model").string();
  next.seed = 9;
  const std::string log = run(next);
  EXPECT_NE(log.find("lacks tensors, which start fresh: decoder_embeddings.tok_global (2)\n"), std::string::npos)
      << log;
  EXPECT_NE(log.find("learned positions are resized: encoder_embeddings.tok_global (2 x 2 to 4 x 4)\n"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("not taken, and start fresh: decoder_embeddings.det (1), encoder_embeddings.det (1)\n"),
            std::string::npos)
      << log;
  const FourM start = load_model(root / "first" / "model"), got = load_model(root / "next" / "model");
  const auto find = [](const FourM& m, const char* name) { return m.parameters().find(name); };
  EXPECT_EQ(find(start, "encoder_embeddings.tok_any.pos_emb").size(1), 16);
  EXPECT_TRUE(find(got, "encoder_embeddings.tok_any.pos_emb").equal(sincos_2d(8, 8, 32).unsqueeze(0)));
  for (const char* name : {"encoder.0.attn.qkv.weight", "mask_token", "encoder_embeddings.tok_any.token_emb.weight"})
    EXPECT_TRUE(find(got, name).equal(find(start, name))) << name;
  EXPECT_TRUE(
      find(got, "decoder_embeddings.tok_global.mod_emb").equal(find(start, "encoder_embeddings.tok_global.mod_emb")))
      << "the modality embedding that both sides share";
}

// A row of tokens without an image, token ids of a sequence, vectors and metadata: each trains, and is in the model.
TEST_F(PretrainingTest, ModalitiesOfOnesOwnTrain) {
  const fs::path data = root / "data", rows = root / "rows.yaml";
  for (int i = 0; i < 8; ++i) {
    const std::string name = "room" + std::to_string(i);
    std::vector<int64_t> sound(40);
    for (int64_t t = 0; t < 40; ++t) sound[t] = (i + t) % 64;
    write_npy(data / "tok_sound" / (name + ".npy"), npy_from_integers(sound, {40}, "i2"));
    write_npy(data / "notes" / (name + ".npy"), npy_from_integers(sound, {1, 40}, "i2"));
    write_npy(data / "vectors" / (name + ".npy"), npy_from_floats(std::vector<float>(6, float(i)), {2, 3}));
    write_json(data / "metadata" / (name + ".json"), {{"n_humans", i}, {"original_width", 640}});
  }
  write_file(rows, std::string(test::kSmallModalities) + R"(  tok_sound: {kind: tokens, vocab_size: 64, max_tokens: 40}
  notes: {kind: sequence, vocab_size: 400, max_tokens: 40}
  vectors: {kind: embeddings, width: 3, max_tokens: 4}
  metadata: {kind: sequence, vocab_size: 400, max_tokens: 40}
)");
  PretrainConfig c = config("own", 3);
  c.modalities = rows.string();
  c.model.domains_in = {"tok_sound", "notes", "vectors", "metadata"};
  c.model.domains_out = {"tok_sound", "notes", "metadata"};
  c.masking.mixture.resize(1);
  c.masking.mixture[0].name = "all";
  c.masking.mixture[0].input.clear();
  c.masking.mixture[0].input_others = c.masking.mixture[0].target_others = 1;
  EXPECT_TRUE(pretrain(c).finished);
  const FourM model = load_model(root / "own" / "model");
  EXPECT_EQ(model.modality("tok_sound").max_tokens, 40);
  EXPECT_FALSE(model.modality("tok_sound").has_grid());
  for (const char* name : {"tok_sound", "notes", "metadata"})
    EXPECT_GT(last_evaluation("own").at(std::string("all/") + name).get<double>(), 0) << name;
}

TEST_F(PretrainingTest, OfficialRecipesBuildTheirModels) {
  const ModalityTable table = ModalityTable::official();
  std::map<std::string, PretrainConfig> recipes;
  for (const auto& file : list_files(fs::path(FOURM_SOURCE_DIR) / "configs/pretrain", {".yaml"})) {
    PretrainConfig recipe;
    load_config(file, {}, recipe);
    recipe.model.validate(file.string());
    recipes[file.stem()] = with_steps(recipe);
    // The modalities and what becomes of them, at a small width.
    recipe.model.dim = 8;
    recipe.model.num_heads = 2;
    recipe.model.encoder_depth = recipe.model.decoder_depth = 1;
    FourM model = create_model(recipe.model, table, 0);
    EXPECT_EQ(model.decoder.embeddings().size(), recipe.model.domains_out.size()) << file;
    EXPECT_NO_THROW(Masker(recipe.masking, table, recipe.model.domains_in, recipe.model.domains_out, {4, 24})) << file;
    EXPECT_EQ(recipe.out, "runs/" + file.stem().string());
  }
  ASSERT_EQ(recipes.size(), 16u);
  // 500 billion tokens of 256 per sample, 8192 samples per step; the original counts 239,120 steps in whole epochs.
  const PretrainConfig& b = recipes.at("4m-b_mod7_500b");
  EXPECT_EQ(b.training.steps, 238419);
  EXPECT_EQ(b.training.schedule.warmup_steps, 4769);
  EXPECT_EQ(recipes.at("4m-l_mod7_superres_448_100b").training.schedule.warmup_steps, 597);
  EXPECT_EQ(recipes.at("4m-xl_mod21_500b").batch * recipes.at("4m-xl_mod21_500b").training.accumulate, 4096);
}

TEST_F(PretrainingTest, MistakesAreNamed) {
  PretrainConfig c = config("run", 5);
  c.data.clear();
  EXPECT_THROW(pretrain(c), Error);
  EXPECT_THROW(read_config(parse_yaml("masking: {mixture: [{imput_others: 1}]}", "recipe"), c, "recipe"), Error);
}

}  // namespace
}  // namespace fourm
