// Properties of generation on a small model with fresh weights.
#include "fourm/generate/generator.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "fourm/core/error.h"
#include "fourm/generate/sampler.h"
#include "fourm/model/model_file.h"
#include "tests/support/compare.h"
#include "tests/support/small_plan.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

ModalityTable small_table() {
  ModalityTable table;
  table.extend(R"(
modalities:
  pixels: {kind: pixels, image_size: 8, patch_size: 2}
  a: {kind: tokens, vocab_size: 11, image_size: 8, patch_size: 2}
  b: {kind: tokens, vocab_size: 7, image_size: 8, patch_size: 2}
  words: {kind: sequence, vocab_size: 40, max_tokens: 12}
)",
               "the test's table");
  return table;
}

class Generator : public testing::Test {
 protected:
  Generator() : model_(make_model()) { ids_.sentinels = {4, 10}; }

  static FourM make_model() {
    ModelConfig c;
    c.domains_in = {"pixels", "a", "b", "words"};
    c.domains_out = {"a", "b", "words"};
    c.dim = 16;
    c.encoder_depth = c.decoder_depth = 2;
    c.num_heads = 2;
    c.gated_mlp = true;
    FourM model = create_model(c, small_table(), 5);
    // Fresh weights give nearly equal logits: make them differ.
    for (const auto& entry : model.parameters().entries())
      if (entry.is_parameter && entry.value.dim() > 1) Tensor(entry.value).mul_(1.4);
    return model;
  }

  Canvas canvas(uint64_t key, float tone) const {
    Canvas c;
    c.key = key;
    ModalityData pixels;
    pixels.width = 12;
    for (int i = 0; i < 16 * 12; ++i) pixels.values.push_back(tone * static_cast<float>((i * 7) % 5 - 2));
    c.add_known("pixels", pixels);
    c.add_grid("a", 16);
    c.add_grid("b", 16);
    c.add_empty_text("words", 12, ids_);
    return c;
  }

  std::vector<Step> steps(double temperature = 1, double guidance = 2) const {
    return expand(test::small_plan(temperature, guidance), model_.modalities());
  }

  std::vector<Canvas> run(std::vector<Canvas> canvases, const std::vector<Step>& plan, uint64_t seed = 1) const {
    GenerateOptions options;
    options.seed = seed;
    options.sequence_ids = ids_;
    EXPECT_TRUE(generate(model_, plan, canvases, options));
    return canvases;
  }

  static std::vector<int64_t> ids(const Canvas& c, const std::string& name) { return c.find(name)->data.ids; }

  FourM model_;
  SequenceIds ids_;
};

TEST_F(Generator, ASampleIsTheSameWhateverItsBatch) {
  const auto alone = run({canvas(3, 0.4f)}, steps());
  const auto together = run({canvas(1, -0.2f), canvas(2, 0.9f), canvas(3, 0.4f)}, steps());
  for (const char* name : {"a", "b", "words"}) {
    EXPECT_EQ(ids(alone[0], name), ids(together[2], name)) << name;
    EXPECT_NE(ids(together[0], name), ids(together[2], name)) << name;
  }
}

TEST_F(Generator, TheSeedDecides) {
  EXPECT_EQ(ids(run({canvas(3, 0.4f)}, steps(), 1)[0], "a"), ids(run({canvas(3, 0.4f)}, steps(), 1)[0], "a"));
  EXPECT_NE(ids(run({canvas(3, 0.4f)}, steps(), 1)[0], "a"), ids(run({canvas(3, 0.4f)}, steps(), 2)[0], "a"));
}

TEST_F(Generator, ReplicasShareTheCanvasesAndGenerateTheSame) {
  const FourM second = make_model();
  const std::vector<Canvas> empty{canvas(1, 0.3F), canvas(2, 0.9F), canvas(3, -0.5F)};
  GenerateOptions options;
  options.sequence_ids = ids_;
  std::vector<Canvas> one = empty, shared = empty;
  ASSERT_TRUE(generate(model_, steps(), one, options));
  std::vector<int64_t> reported;
  options.on_step = [&](const StepReport& report) {
    reported.push_back(report.step);
    return true;
  };
  ASSERT_TRUE(generate({&model_, &second}, steps(), shared, options));
  for (size_t i = 0; i < empty.size(); ++i)
    for (const char* name : {"a", "b", "words"})
      EXPECT_EQ(shared[i].at(name).data.ids, one[i].at(name).data.ids) << i << name;
  std::vector<int64_t> every(steps().size());
  std::iota(every.begin(), every.end(), int64_t{0});
  EXPECT_EQ(reported, every);  // each step once, in order

  options.on_step = [](const StepReport&) { return false; };
  shared = empty;
  EXPECT_FALSE(generate({&model_, &second}, steps(), shared, options));
  EXPECT_EQ(shared[2].key, 3u);  // the canvases are back in their order

  options.on_step = {};
  shared = empty;
  shared[2].at("words").data.ids[0] = 1000;  // outside the vocabulary
  EXPECT_THROW(generate({&model_, &second}, steps(), shared, options), Error);
  EXPECT_EQ(shared.size(), empty.size());
  EXPECT_EQ(shared[0].key, 1u);
}

TEST_F(Generator, KnownTokensStayAndTheRestIsFilled) {
  Canvas c = canvas(1, 0.4f);
  c.entries.erase(c.entries.begin() + 1);
  std::vector<int64_t> tokens(16, 9);
  std::vector<bool> known(16, false);
  for (int i = 0; i < 11; ++i) known[i] = true;
  c.add_grid("a", tokens, known);
  const auto done = run({c, canvas(2, 0.4f)}, steps());  // beside a canvas of which nothing is known
  for (int i = 0; i < 11; ++i) EXPECT_EQ(ids(done[0], "a")[i], 9);
  for (const auto& result : done) {
    const auto& entry = *result.find("a");
    EXPECT_TRUE(std::all_of(entry.known.begin(), entry.known.end(), [](bool k) { return k; }));
    EXPECT_TRUE(std::none_of(entry.target.begin(), entry.target.end(), [](bool w) { return w; }));
  }
}

TEST_F(Generator, HolesOfATextAreFilledInPlace) {
  Canvas c = canvas(1, 0.4f);
  c.entries.pop_back();
  const std::vector<int64_t> text{20, ids_.start(), 21, ids_.eos};
  c.add_text_with_holes("words", text, 8, ids_);
  const auto words = ids(run({c}, steps())[0], "words");
  ASSERT_GE(words.size(), 3u);
  EXPECT_EQ(words.front(), 20);
  EXPECT_EQ(words[words.size() - 2], 21);
  EXPECT_EQ(words.back(), ids_.eos);
  EXPECT_TRUE(std::none_of(words.begin(), words.end(), [&](int64_t id) { return ids_.sentinels.contains(id); }));
}

// The cached decoder reads one token at a time; training reads the whole text at once: the same logits.
TEST_F(Generator, CachedTextEqualsTheWholeTextAtOnce) {
  std::vector<Tensor> stepwise;
  std::vector<int64_t> written;
  GenerateOptions options;
  options.sequence_ids = ids_;
  options.draw = false;
  options.on_logits = [&](int64_t, const std::vector<Tensor>&, const Tensor& logits) {
    stepwise.push_back(logits.clone());
  };
  options.on_step = [&](const StepReport& report) {
    written = report.rows[0].tokens;
    return true;
  };
  std::vector<Canvas> canvases{canvas(1, 0.4f)};
  const Canvas before = canvases[0];
  Step step;
  step.target = "words";
  step.scheme = Scheme::kAutoregressive;
  ASSERT_TRUE(generate(model_, {step}, canvases, options));

  const at::NoGradGuard no_grad;
  EncoderPacker inputs(model_.modalities());
  inputs.begin_sample();
  std::vector<int64_t> slots(16);
  std::iota(slots.begin(), slots.end(), int64_t{0});
  const auto& pixels = before.find("pixels")->data.values;
  inputs.add_values("pixels", at::from_blob(const_cast<float*>(pixels.data()), {16, 12}, at::kFloat), slots);
  inputs.add_ids("words", {ids_.start()}, {0});
  DecoderPacker targets(model_.modalities());
  targets.begin_sample();
  std::vector<int64_t> read{ids_.start()}, positions;
  read.insert(read.end(), written.begin(), written.end() - 1);
  for (size_t i = 0; i < read.size(); ++i) positions.push_back(static_cast<int64_t>(i));
  targets.add_sequence("words", read, positions, {});
  const Tensor whole =
      model_.decoder.logits("words", model_.decoder(targets.finish(), model_.encoder(inputs.finish())).out);
  ASSERT_EQ(static_cast<size_t>(whole.size(0)), stepwise.size());
  EXPECT_LE(test::largest_difference(at::cat(stepwise), whole), 1e-5);
}

TEST_F(Generator, GuidanceZeroForgetsTheConditions) {
  const auto first_logits = [&](double scale, float tone) {
    Tensor logits;
    GenerateOptions options;
    options.sequence_ids = ids_;
    options.on_logits = [&](int64_t, const std::vector<Tensor>&, const Tensor& guided) { logits = guided.clone(); };
    options.on_step = [](const StepReport&) { return false; };
    std::vector<Canvas> canvases{canvas(1, tone)};
    EXPECT_FALSE(generate(model_, steps(1, scale), canvases, options));  // on_step stops the run
    return logits;
  };
  EXPECT_LE(test::largest_difference(first_logits(0, 0.4f), first_logits(0, -0.7f)), 1e-5);
  EXPECT_GT(test::largest_difference(first_logits(1, 0.4f), first_logits(1, -0.7f)), 1e-2);
  const Tensor c = first_logits(1, 0.4f), u = first_logits(0, 0.4f);
  EXPECT_LE(test::largest_difference(first_logits(3, 0.4f), u + 3 * (c - u)), 1e-4);
  EXPECT_LE(test::largest_difference(first_logits(-1, 0.4f), u - (c - u)), 1e-4);
}

TEST_F(Generator, MaskGitWritesWhatIsMostCertain) {
  GenerateOptions options;
  options.sequence_ids = ids_;
  options.draw = false;
  std::vector<double> confidences;  // of all open slots, the largest first
  options.on_logits = [&](int64_t, const std::vector<Tensor>&, const Tensor& guided) {
    const Tensor sorted = std::get<0>(at::softmax(guided, 1).amax(1).sort(0, true));
    confidences.assign(sorted.data_ptr<float>(), sorted.data_ptr<float>() + sorted.numel());
  };
  options.on_step = [&](const StepReport& report) {
    const auto& written = report.rows[0].confidences;
    EXPECT_EQ(written.size(), static_cast<size_t>(report.what.tokens));
    for (size_t i = 0; i < written.size(); ++i) EXPECT_NEAR(written[i], confidences[i], 1e-5);
    return true;
  };
  std::vector<Canvas> canvases{canvas(1, 0.4f)};
  Step step = steps()[0];
  step.temperature = 1;
  step.tokens = 5;
  ASSERT_TRUE(generate(model_, {step}, canvases, options));
  EXPECT_GT(confidences.front(), confidences.back() + 0.01);
}

TEST_F(Generator, WeightsThatAreNotNumbersAreNamed) {
  Tensor(model_.parameters().find("mask_token")).fill_(NAN);
  try {
    run({canvas(1, 0.4f)}, steps());
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("not finite"), std::string::npos) << error.what();
  }
}

TEST_F(Generator, TokensOutsideTheVocabularyAreNamed) {
  const auto expect_error = [&](const Canvas& given, const std::vector<Step>& plan, const std::string& message) {
    try {
      run({given}, plan);
      FAIL() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), message);
    }
  };
  Canvas input = canvas(1, 0.4f);
  input.at("b").data.ids[3] = 7;
  input.at("b").known[3] = true;
  expect_error(input, steps(), "modality 'b': token 7 is outside its vocabulary of 7");
  Canvas start = canvas(1, 0.4f);
  start.at("words").data.ids[1] = 40;  // the first token of the sequence that is generated
  expect_error(start, {steps()[4]}, "modality 'words': token 40 is outside its vocabulary of 40");
}

TEST_F(Generator, NothingNeedBeKnown) {
  Canvas c;
  c.add_grid("a", 16);
  const auto tokens = ids(run({c}, {steps()[0]})[0], "a");
  EXPECT_EQ(tokens.size(), 16u);
}

TEST_F(Generator, TextsEndAtTheirStopToken) {
  std::vector<Canvas> canvases;
  for (uint64_t key = 0; key < 40; ++key) canvases.push_back(canvas(key, 0.4f));
  int stopped = 0;
  GenerateOptions options;
  options.sequence_ids = ids_;
  options.on_step = [&](const StepReport& report) {
    for (const auto& row : report.rows) {
      const auto stop = std::find(row.tokens.begin(), row.tokens.end(), ids_.stop());
      EXPECT_TRUE(stop == row.tokens.end() || stop + 1 == row.tokens.end());
      stopped += row.tokens.size() < 11;
    }
    return true;
  };
  Step step;
  step.target = "words";
  step.scheme = Scheme::kAutoregressive;
  step.temperature = 100;  // all tokens are about as likely
  ASSERT_TRUE(generate(model_, {step}, canvases, options));
  EXPECT_GT(stopped, 0);
  EXPECT_LT(stopped, 40);
}

// As in the original, a text of n tokens has n - 1 slots to write in.
TEST_F(Generator, APlanLimitsTheTokensOfAText) {
  Plan plan;
  plan.targets.resize(1);
  plan.targets[0].modality = "words";
  plan.targets[0].temperature = 0;
  const auto written = [&](const FourM& model, int64_t tokens, const Canvas& start) {
    plan.targets[0].tokens = tokens;
    std::vector<int64_t> ids;
    GenerateOptions options;
    options.sequence_ids = ids_;
    options.on_step = [&](const StepReport& report) {
      ids = report.rows[0].tokens;
      return true;
    };
    std::vector<Canvas> canvases{start};
    generate(model, expand(plan, model.modalities()), canvases, options);
    return ids;
  };
  Canvas with_hole = canvas(1, 0.4f);
  with_hole.entries.pop_back();
  with_hole.add_text_with_holes("words", {20, ids_.start(), 25, ids_.eos}, 12, ids_);
  const test::TemporaryFolder folder;
  save_model(model_, folder.path());
  const FourM reference = load_model(folder.path(), small_table(), Compute::for_reference());
  for (const Canvas& start : {canvas(1, 0.4f), with_hole})
    for (const FourM* model : {&std::as_const(model_), &reference}) {
      const auto whole = written(*model, 0, start);
      ASSERT_GT(whole.size(), 4u) << "the test needs a text that is longer than the limit";
      EXPECT_EQ(written(*model, 5, start), std::vector(whole.begin(), whole.begin() + 4));
      EXPECT_EQ(written(*model, 12, start),
                std::vector(whole.begin(), whole.begin() + std::min<size_t>(whole.size(), 11)));
    }
}

TEST_F(Generator, TokensOfATextAreReportedAndMayStopIt) {
  const std::vector<Canvas> start{canvas(1, 0.4F), canvas(2, -0.3F)};
  GenerateOptions options;
  options.seed = 1;
  options.sequence_ids = ids_;
  std::vector<int64_t> tokens;
  options.on_token = [&](int64_t step, int64_t token, int64_t most) {
    EXPECT_EQ(steps()[static_cast<size_t>(step)].target, "words");
    EXPECT_EQ(most, 11);
    tokens.push_back(token);
    return true;
  };
  std::vector<Canvas> canvases = start;
  ASSERT_TRUE(generate(model_, steps(), canvases, options));
  ASSERT_GT(tokens.size(), 3u);
  for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(tokens[i], static_cast<int64_t>(i) + 1);
  EXPECT_EQ(ids(canvases[0], "words"), ids(run(start, steps())[0], "words")) << "reports change nothing";

  const FourM second = make_model();
  for (const bool devices : {false, true}) {
    canvases = start;
    int64_t reports = 0;
    options.on_token = [&](int64_t, int64_t, int64_t) { return ++reports < 2; };
    const std::vector<const FourM*> models{&model_, &second};
    EXPECT_FALSE(devices ? generate(models, steps(), canvases, options) : generate(model_, steps(), canvases, options));
    EXPECT_EQ(reports, 2) << "at once";
    EXPECT_EQ(ids(canvases[0], "words"), ids(start[0], "words")) << "the text stays empty";
    EXPECT_EQ(canvases[0].at("words").target, start[0].entries.back().target);
  }
}

TEST_F(Generator, RepeatedTextsAreJoined) {
  Plan plan;
  plan.targets.resize(1);
  plan.targets[0].modality = "words";
  const auto written = [&](int64_t repeat, uint64_t key) {
    plan.targets[0].repeat = repeat;
    std::vector<int64_t> result =
        ids(run({canvas(9, 0.1F), canvas(key, 0.4F)}, expand(plan, model_.modalities()))[1], "words");
    return result;
  };
  const auto without_end = [&](std::vector<int64_t> text) {
    std::erase(text, ids_.eos);
    return text;
  };
  uint64_t key = 1;
  while (key < 100 && without_end(written(1, key)).size() < 2) ++key;  // a canvas whose text has some tokens
  const auto once = written(1, key), twice = written(2, key), more = written(3, key);
  ASSERT_GT(without_end(once).size(), 1u);
  const auto begins = [&](const std::vector<int64_t>& all, const std::vector<int64_t>& part) {
    return all.size() >= part.size() && std::equal(part.begin(), part.end(), all.begin());
  };
  EXPECT_TRUE(begins(twice, without_end(once)));
  EXPECT_TRUE(begins(more, without_end(twice)));
  const std::vector<int64_t> second(twice.begin() + static_cast<std::ptrdiff_t>(without_end(once).size()), twice.end());
  EXPECT_NE(without_end(second), without_end(once)) << "other draws";
  EXPECT_LE(std::count(more.begin(), more.end(), ids_.eos), 1);
  EXPECT_EQ(written(3, key), more) << "the same seed";
}

TEST_F(Generator, ATextWithoutSlotsStaysEmpty) {
  Canvas c = canvas(1, 0.4f);
  c.entries.pop_back();
  c.add_empty_text("words", 2, ids_);  // one slot, which is already the end
  EXPECT_TRUE(ids(run({c}, steps())[0], "words").empty());
}

}  // namespace
}  // namespace fourm
