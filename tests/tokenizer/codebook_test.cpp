#include <gtest/gtest.h>

#include <map>
#include <set>

#include "fourm/tokenizer/quantizer.h"
#include "fourm/tokenizer/usage.h"

namespace fourm {
namespace {

TokenizerConfig small_codebook() {
  TokenizerConfig c;
  c.codebook_size = 64;
  c.latent_dim = 8;
  c.threshold_ema_dead_code = 0.1;
  return c;
}

Tensor vectors(int64_t n, int64_t d, uint64_t seed) {
  SeedSource source(seed);
  return source.get("x", {n, d}, Init::normal(1));
}

TEST(EmaCodebook, RestartsBringEveryCodeIntoUse) {
  for (const char* policy : {"batch_random", "linde_buzo_gray"}) {
    TokenizerConfig c = small_codebook();
    c.code_replacement_policy = policy;
    SeedSource source(1);
    Parameters parameters;
    LucidQuantizer quantizer{Scope(parameters, source), c};
    // All vectors lie in a narrow cone, so that a fresh table has a few codes near them and many far away.
    const Tensor x = at::cat({vectors(512, 7, 2) * 0.2, at::ones({512, 1})}, 1);
    for (uint64_t step = 0; step < 200; ++step) {
      SeededDraws draws(3, step);
      quantizer.train(x, draws);
      quantizer.update(draws);
    }
    CodeUsage usage(c.codebook_size);
    const Tensor codes = quantizer.encode(x).codes.contiguous();
    usage.add(codes.data_ptr<int64_t>(), codes.numel());
    EXPECT_GT(usage.usage(), 0.85) << policy;
  }
}

TEST(EmaCodebook, ARestartedCodeIsNotDrawnAgainTheNextStep) {
  SeedSource source(1);
  Parameters parameters;
  TokenizerConfig c = small_codebook();
  LucidQuantizer quantizer{Scope(parameters, source), c};
  const Tensor one = vectors(1, 8, 5).expand({32, 8}).contiguous();  // one code gets all, the others restart
  SeededDraws first(7, 0), second(7, 1);
  quantizer.train(one, first);
  quantizer.update(first);
  const Tensor before = parameters.find("_codebook.embed").clone();
  quantizer.train(vectors(32, 8, 6), second);
  quantizer.update(second);
  const Tensor after = parameters.find("_codebook.embed");
  // Only the running average may have moved rows: a redraw would replace them whole.
  EXPECT_LT((after - before).norm(2, 1).max().item<float>(), 0.03);
}

TEST(EmaCodebook, KMeansStartFindsAsManyClustersAsThereAreVectors) {
  for (const bool cosine : {true, false}) {
    TokenizerConfig c = small_codebook();
    c.kmeans_init = true;
    c.norm_codes = cosine;
    c.codebook_size = 16;
    SeedSource source(1);
    Parameters parameters;
    EmaCodebook book(Scope(parameters, source), c);
    // 16 distinct vectors; one of them fills nearly the whole batch, so that a random start picks it again and again.
    const Tensor distinct = unit_rows(vectors(16, 8, 4));
    const Tensor x = at::cat({distinct, distinct.slice(0, 0, 1).expand({400, 8})});
    SeededDraws draws(9, 0);
    book.initialise(x, draws);
    const Tensor codes = book.nearest(distinct);
    std::set<int64_t> found(codes.data_ptr<int64_t>(), codes.data_ptr<int64_t>() + 16);
    EXPECT_EQ(found.size(), 16u);
  }
}

TEST(EmaCodebook, SameSeedSameTable) {
  Tensor tables[2];
  for (Tensor& table : tables) {
    SeedSource source(1);
    Parameters parameters;
    LucidQuantizer quantizer{Scope(parameters, source), small_codebook()};
    for (uint64_t step = 0; step < 5; ++step) {
      SeededDraws draws(3, step);
      quantizer.train(vectors(100, 8, step), draws);
      quantizer.update(draws);
    }
    table = parameters.find("_codebook.embed").clone();
  }
  EXPECT_TRUE(at::equal(tables[0], tables[1]));
}

// A batch in one part or in four, with restarts of dead codes: the codebook changes once a step, in the same way.
TEST(EmaCodebook, MicroBatchesMakeOneUpdate) {
  for (const bool cosine : {true, false}) {
    TokenizerConfig c = small_codebook();
    c.norm_codes = cosine;
    c.threshold_ema_dead_code = 0.5;
    std::map<std::string, Tensor> states[2];
    for (const int64_t parts : {1, 4}) {
      SeedSource source(1);
      Parameters parameters;
      LucidQuantizer quantizer{Scope(parameters, source), c};
      for (uint64_t step = 0; step < 3; ++step) {
        SeededDraws draws(3, step);
        const Tensor before = parameters.find("_codebook.cluster_size").clone();
        for (const Tensor& part : vectors(128, 8, step).chunk(parts)) quantizer.train(part, draws);
        EXPECT_TRUE(at::equal(before, parameters.find("_codebook.cluster_size"))) << "changed within a step";
        quantizer.update(draws);
      }
      for (const auto& entry : parameters.entries()) states[parts == 1 ? 0 : 1][entry.name] = entry.value;
    }
    for (const auto& [name, value] : states[0]) EXPECT_TRUE(at::equal(value, states[1].at(name))) << name << cosine;
  }
}

// k-means counts the vectors of the first micro-batch; usage is that of a whole batch.
TEST(EmaCodebook, KMeansStartOnAMicroBatchCountsAsTheWholeBatch) {
  TokenizerConfig c = small_codebook();
  c.codebook_size = 8;
  c.kmeans_init = true;
  SeedSource source(1);
  Parameters parameters;
  LucidQuantizer quantizer{Scope(parameters, source), c};
  SeededDraws draws(3, 0);
  for (uint64_t part = 0; part < 4; ++part) quantizer.train(vectors(32, 8, part), draws);
  quantizer.update(draws);
  EXPECT_NEAR(parameters.find("_codebook.cluster_size").sum().item<double>(), 128, 1e-3);
}

TEST(MemoryCodes, TrainingSampleHasGradientsAndDecodesToItself) {
  TokenizerConfig c = small_codebook();
  c.quant_type = "memcodes";
  c.num_codebooks = 2;
  SeedSource source(1);
  Parameters parameters;
  MemoryCodes codes{Scope(parameters, source), c};
  parameters.make_trainable();
  const Tensor z = vectors(20, 8, 2).requires_grad_();
  SeededDraws draws(1, 0);
  const Quantized q = codes.train(z, draws);
  EXPECT_LT((codes.decode(q.codes) - q.rows).abs().max().item<float>(), 1e-5);
  q.rows.square().sum().backward();
  EXPECT_GT(z.grad().abs().sum().item<float>(), 0);
  for (const Tensor& t : parameters.parameters()) EXPECT_GT(t.grad().abs().sum().item<float>(), 0);
}

TEST(CodeUsage, CountsWindowsAndPerplexity) {
  CodeUsage usage(4, 4);
  const int64_t tokens[] = {0, 1, 2, 3, 0, 0, 1, 1, 2};
  usage.add(tokens, 9);
  EXPECT_DOUBLE_EQ(usage.usage(), 0.75);  // (1 + 0.5) / 2; the unfinished window does not count
  CodeUsage even(4);
  even.add(tokens, 4);
  EXPECT_NEAR(even.perplexity(), 4, 1e-9);
}

}  // namespace
}  // namespace fourm
