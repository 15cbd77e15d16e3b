// The fast engine against the reference: the same logits and tokens on random plans over random small models, whatever the
// options of the architecture; and nearly the same in bfloat16 and int8.
#include "fourm/generate/logits.h"

#include <algorithm>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/core/strings.h"
#include "tests/support/compare.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

constexpr const char* kTable = R"(
modalities:
  pixels: {kind: pixels, image_size: 8, patch_size: 2}
  vectors: {kind: embeddings, width: 6, max_tokens: 4}
  a: {kind: tokens, vocab_size: 11, image_size: 8, patch_size: 2}
  b: {kind: tokens, vocab_size: 7, image_size: 8, patch_size: 2}
  words: {kind: sequence, vocab_size: 40, max_tokens: 12}
)";

// The files are mapped: they can be read after the folder is removed.
struct Opened {
  FourM reference, fast;
  std::shared_ptr<const DraftModel> draft;  // null for other precisions than float32
};

// The same weights for both engines; the seed decides the options of the architecture too.
Opened open_both(uint64_t seed, Precision precision, at::ScalarType stored = at::kFloat, uint64_t weights = 0) {
  Random random(seed, {1});
  ModelConfig c;
  c.domains_in = {"pixels", "vectors", "a", "b", "words"};
  c.domains_out = {"a", "b", "words"};
  c.dim = 32;
  c.encoder_depth = 1 + static_cast<int64_t>(random.uniform() * 2);
  c.decoder_depth = 2;
  c.num_heads = 4;
  const auto coin = [&] { return random.uniform() < 0.5; };
  c.gated_mlp = coin(), c.qk_norm = coin(), c.qkv_bias = coin(), c.proj_bias = coin(), c.mlp_bias = coin();
  c.act_layer = coin() ? "GELU" : "SiLU";
  c.num_register_tokens = coin() ? 2 : 0;
  ModalityTable table;
  table.extend(kTable, "the test's table");
  FourM model = create_model(c, table, seed + weights);
  for (const auto& entry : model.parameters().entries())  // biases too: fresh ones are zero
    if (entry.is_parameter && !entry.name.ends_with("norm.weight"))
      Tensor(entry.value).mul_(1.4).add_(entry.value.dim() == 1 ? 0.05 : 0);
  const test::TemporaryFolder temporary;
  const fs::path folder = temporary / "files";
  save_model(model, folder, stored);
  const ModelFiles files = open_model_files(folder);
  const Compute fast = Compute::for_inference(precision);
  Opened opened{load_model(files, Compute::for_reference()), load_model(files, fast), draft_model(files, fast)};
  return opened;
}

std::vector<Canvas> random_canvases(Random& random, const SequenceIds& ids) {
  std::vector<Canvas> canvases(1 + static_cast<size_t>(random.uniform() * 3));
  for (size_t i = 0; i < canvases.size(); ++i) {
    Canvas& c = canvases[i];
    c.key = i;
    if (random.uniform() < 0.7) {
      ModalityData pixels;
      pixels.width = 12;
      for (int k = 0; k < 16 * 12; ++k) pixels.values.push_back(static_cast<float>(random.normal()));
      c.add_known("pixels", pixels);
    }
    if (random.uniform() < 0.3) {
      ModalityData vectors;
      vectors.width = 6;
      for (int k = 0; k < 4 * 6; ++k) vectors.values.push_back(static_cast<float>(random.normal()));
      c.add_known("vectors", vectors);
    }
    for (const char* grid : {"a", "b"}) {
      std::vector<int64_t> tokens(16, 3);
      std::vector<bool> known;
      for (int k = 0; k < 16; ++k) known.push_back(random.uniform() < 0.2);
      c.add_grid(grid, tokens, known);
    }
    if (random.uniform() < 0.3)
      c.add_text_with_holes("words", {20, ids.start(), 25, ids.eos}, 8, ids);
    else
      c.add_empty_text("words", 8, ids);
  }
  return canvases;
}

Plan random_plan(Random& random) {
  const auto coin = [&] { return random.uniform() < 0.5; };
  Plan plan;
  plan.conditions = {"pixels"};
  if (coin()) plan.conditions.emplace_back("vectors");
  plan.top_p = coin() ? 0.8 : 0;
  plan.top_k = coin() ? 5 : 0;
  for (const char* name : {"a", "words", "b"}) {
    Target t;
    t.modality = name;
    if (std::string(name) != "words") t.scheme = coin() ? "maskgit" : "roar";
    const auto steps = 1 + static_cast<int64_t>(random.uniform() * 3);
    if (std::string(name) != "words") t.steps = steps;
    t.guidance = coin() ? 2 : 1;
    if (random.uniform() < 0.3) t.weights.assign(plan.conditions.size(), 1.5), t.guidance = 1;
    plan.targets.push_back(t);
  }
  plan.grow_conditions = false;
  return plan;
}

struct Result {
  std::vector<Canvas> canvases;
  std::vector<Tensor> logits;
};

Result run(const FourM& model, const Plan& plan, std::vector<Canvas> canvases, const SequenceIds& ids,
           std::shared_ptr<const DraftModel> draft = nullptr) {
  Result result;
  GenerateOptions options;
  options.sequence_ids = ids;
  options.draft = std::move(draft);
  options.on_logits = [&](int64_t, const std::vector<Tensor>&, const Tensor& guided) {
    result.logits.push_back(guided.clone());
  };
  generate(model, expand(plan, model.modalities()), canvases, options);
  result.canvases = std::move(canvases);
  return result;
}

TEST(Logits, FastAndReferenceGiveTheSameOnRandomPlans) {
  SequenceIds ids;
  ids.sentinels = {4, 10};
  for (uint64_t seed = 0; seed < 24; ++seed) {
    SCOPED_TRACE(seed);
    const auto models = open_both(seed, Precision::kF32, seed % 3 ? at::kFloat : at::kHalf);
    Random random(seed);
    const Plan plan = random_plan(random);
    const auto canvases = random_canvases(random, ids);
    const Result plain = run(models.reference, plan, canvases, ids),
                 fast = run(models.fast, plan, canvases, ids, models.draft);
    ASSERT_EQ(plain.logits.size(), fast.logits.size());
    for (size_t i = 0; i < plain.logits.size(); ++i)
      EXPECT_LE(test::largest_difference(plain.logits[i], fast.logits[i]), 2e-4) << "step " << i;
    for (size_t i = 0; i < canvases.size(); ++i)
      for (const char* name : {"a", "b", "words"})
        EXPECT_EQ(plain.canvases[i].find(name)->data.ids, fast.canvases[i].find(name)->data.ids) << name;
  }
}

// The draft model proposes tokens of the last active sequence. The result does not depend on what it proposes: it is the
// same without a draft model and with one of other weights.
TEST(Logits, SpeculativeDecodingChangesNoToken) {
  SequenceIds ids;
  ids.sentinels = {4, 10};
  for (uint64_t seed = 0; seed < 24; ++seed) {
    SCOPED_TRACE(seed);
    const auto models = open_both(seed, Precision::kF32);
    const auto wrong_draft =
        std::make_shared<const DraftModel>([=] { return open_both(seed, Precision::kInt8, at::kFloat, 100).fast; });
    Random random(seed);
    Plan plan = random_plan(random);
    plan.targets = {plan.targets[1]};
    auto canvases = random_canvases(random, ids);
    canvases.resize(1 + seed % 2, canvases.front());  // of two sequences, the longer one is decoded alone at the end
    canvases.back().key = seed;
    const Result expected = run(models.fast, plan, canvases, ids);
    for (const auto& draft : {models.draft, wrong_draft}) {
      const Result speculative = run(models.fast, plan, canvases, ids, draft);
      ASSERT_EQ(speculative.logits.size(), expected.logits.size());
      for (size_t i = 0; i < expected.logits.size(); ++i)
        EXPECT_TRUE(speculative.logits[i].equal(expected.logits[i])) << "token " << i;
      for (size_t i = 0; i < canvases.size(); ++i)
        EXPECT_EQ(speculative.canvases[i].find("words")->data.ids, expected.canvases[i].find("words")->data.ids);
    }
  }
}

TEST(Logits, OnlyInferenceInFloat32HasADraftModel) {
  EXPECT_TRUE(open_both(1, Precision::kF32).draft);
  EXPECT_FALSE(open_both(1, Precision::kBf16).draft);
  EXPECT_FALSE(open_both(1, Precision::kInt8).draft);
  EXPECT_FALSE(draft_model(ModelFiles(), Compute::for_reference()));
}

// Nearly all draft tokens are accepted, so few passes of the model generate a sequence.
TEST(Logits, MostDraftTokensAreAccepted) {
  SequenceIds ids;
  ids.sentinels = {4, 10};
  int accepted = 0, all = 0;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    const auto models = open_both(seed, Precision::kF32);
    Random random(seed);
    auto canvases = random_canvases(random, ids);
    const std::vector<const Canvas*> pointers{&canvases[0]};
    const auto passes = passes_of({});
    const InferenceGuard inference;
    const auto logits = sequence_logits(models.fast, "words", {pointers, passes, ids}, 12);
    std::vector<int64_t> text{ids.start()};
    for (int64_t t = 0; t < 11; ++t, ++all) {
      const Tensor draft = logits->read(models.draft->get(), {0}, t, {text.back()}),
                   own = logits->read(models.fast, {0}, t, {text.back()});
      EXPECT_FALSE(draft.equal(own)) << "the draft model is the model itself";
      text.push_back(own.argmax().item<int64_t>());
      accepted += draft.argmax().item<int64_t>() == text.back();
    }
  }
  EXPECT_GE(accepted, 0.9 * all);
}

// Several tokens in one pass have the logits of one token after the other, and a row can continue from an earlier position.
TEST(Logits, TokensCanBeReadTogetherAndReplaced) {
  SequenceIds ids;
  ids.sentinels = {4, 10};
  for (uint64_t seed = 0; seed < 6; ++seed) {
    SCOPED_TRACE(seed);
    const auto models = open_both(seed, Precision::kF32);
    Random random(seed);
    auto canvases = random_canvases(random, ids);
    canvases.push_back(canvases[0]);
    const std::vector<const Canvas*> pointers{&canvases.front(), &canvases.back()};
    const auto passes = passes_of({});
    const Views views{pointers, passes, ids};
    const InferenceGuard inference;
    const auto one = sequence_logits(models.fast, "words", views, 6),
               other = sequence_logits(models.fast, "words", views, 6),
               plain = reference_sequence_logits("words", views);
    one->read(models.fast, {0, 1}, 0, {4, 4});
    other->read(models.fast, {0, 1}, 0, {4, 20, 21, 22, 4, 23, 24, 25});  // all but the first are replaced below
    plain->read(models.reference, {0, 1}, 0, {4, 20, 21, 22, 4, 23, 24, 25});
    const Tensor first = one->read(models.fast, {0, 1}, 1, {20, 23}),
                 second = one->read(models.fast, {0, 1}, 2, {30, 31}),
                 both = other->read(models.fast, {0, 1}, 1, {20, 30, 23, 31});
    EXPECT_TRUE(both.equal(at::stack({first, second}, 1).flatten(0, 1)));
    EXPECT_LE(test::largest_difference(both, plain->read(models.reference, {0, 1}, 1, {20, 30, 23, 31})), 1e-4);
  }
}

// Equal canvases and positions are computed once in a batch. The logits are those of each canvas alone, bit for bit.
TEST(Logits, EqualSamplesOfABatchHaveTheLogitsOfOneAlone) {
  SequenceIds ids;
  ids.sentinels = {4, 10};
  const auto models = open_both(2, Precision::kF32);
  Random random(7);
  std::vector<Canvas> canvases;
  while (canvases.size() < 2)
    for (const Canvas& canvas : random_canvases(random, ids))
      if (canvas.find("pixels")) canvases.push_back(canvas);
  Canvas one_token = canvases[0], one_pixel = canvases[0];
  Canvas::Entry& grid = one_token.at("b");
  const auto known = static_cast<size_t>(std::find(grid.known.begin(), grid.known.end(), true) - grid.known.begin());
  ASSERT_LT(known, grid.known.size());
  grid.data.ids[known] = 5;
  one_pixel.at("pixels").data.values.back() += 1;
  const std::vector<const Canvas*> pointers{&canvases[0], &canvases[1], &canvases[0],
                                            &one_token,   &one_pixel,   &canvases[0]};
  const std::vector<std::vector<int64_t>> slots{{0, 3, 7}, {1, 2}, {0, 3, 7}, {0, 3, 7}, {0, 3, 7}, {0, 3, 8}};
  const auto passes = passes_of({{"pixels"}, 2, {}});
  const InferenceGuard inference;
  const auto logits = split_passes(grid_logits(models.fast, "a", {pointers, passes, ids}, slots), passes.size());
  int64_t row = 0;
  for (size_t i = 0; i < pointers.size(); ++i) {
    SCOPED_TRACE(i);
    const auto n = static_cast<int64_t>(slots[i].size());
    const std::vector<const Canvas*> alone{pointers[i]};
    const auto expected = split_passes(grid_logits(models.fast, "a", {alone, passes, ids}, {slots[i]}), passes.size());
    for (size_t p = 0; p < passes.size(); ++p) EXPECT_TRUE(logits[p].slice(0, row, row + n).equal(expected[p])) << p;
    EXPECT_FALSE(expected[0].equal(expected[1])) << "the passes see different inputs";
    row += n;
  }
  EXPECT_FALSE(logits[0].slice(0, 0, 3).equal(logits[0].slice(0, 8, 11))) << "another token is seen";
  EXPECT_FALSE(logits[0].slice(0, 0, 3).equal(logits[0].slice(0, 11, 14))) << "another pixel is seen";
  EXPECT_TRUE(logits[1].slice(0, 0, 3).equal(logits[1].slice(0, 11, 14))) << "not without the condition";
}

TEST(Logits, NarrowPrecisionsStayNear) {
  SequenceIds ids;
  ids.sentinels = {4, 10};
  for (const Precision precision : {Precision::kBf16, Precision::kInt8}) {
    const auto models = open_both(3, precision);
    Random random(3);
    const auto canvases = random_canvases(random, ids);
    Plan plan;
    plan.targets = {Target{.modality = "a", .scheme = "roar", .schedule = "linear"}};
    const Tensor plain = run(models.reference, plan, canvases, ids).logits[0],
                 fast = run(models.fast, plan, canvases, ids).logits[0];
    const double change = ((fast - plain).norm() / plain.norm()).item<double>();
    EXPECT_LE(change, 0.05) << precision_name(precision);
    EXPECT_GT(change, 0) << precision_name(precision) << " is not in use";
  }
}

TEST(Logits, APackedModelCannotBeTrained) {
  auto models = open_both(1, Precision::kF32);
  EXPECT_THROW(models.fast.parameters().make_trainable(), Error);
  EXPECT_THROW(models.reference.parameters().make_trainable(), Error);
}

}  // namespace
}  // namespace fourm
