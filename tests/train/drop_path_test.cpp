#include "fourm/nn/drop_path.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/model/fourm.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/small_transformer.h"

namespace fourm {
namespace {

TEST(DropPath, FactorsAreByBlockAndSample) {
  DropPath drop{0.4, 7, {}};
  std::vector<int64_t> lengths;
  for (uint64_t sample = 0; sample < 500; ++sample) drop.samples.push_back(sample), lengths.push_back(1 + sample % 3);
  const Tensor factors = drop_path_factors(drop, DropPathStack::kEncoder, 3, 2, lengths);
  EXPECT_EQ(factors.sizes(), (at::IntArrayRef{3, 2, 999, 1}));
  for (const int64_t block : {0, 1, 2}) {
    const double rate = 0.2 * static_cast<double>(block);
    for (const int64_t branch : {0, 1}) {
      const Tensor own = factors[block][branch].flatten();
      const Tensor kept = own[own.nonzero().flatten()[0]];
      EXPECT_FLOAT_EQ(kept.item<float>(), static_cast<float>(1 / (1 - rate)));
      EXPECT_TRUE(((own == 0) | (own == kept)).all().item<bool>());
      // Five standard deviations of the share of 500 draws.
      EXPECT_NEAR((own == 0).to(at::kDouble).mean().item<double>(), rate, 5 * std::sqrt(0.25 / 500));
      int64_t row = 0;
      for (const int64_t n : lengths) {
        EXPECT_TRUE((own.slice(0, row, row + n) == own[row]).all().item<bool>())
            << "rows of a sample are dropped together";
        row += n;
      }
    }
  }
  EXPECT_FALSE(at::equal(factors[2][0], factors[2][1]));
}

// Where a sample stands in a batch, and with which others, changes nothing.
TEST(DropPath, DrawsGoByTheNumberOfTheSample) {
  const auto of = [](const std::vector<uint64_t>& samples, DropPathStack stack = DropPathStack::kEncoder) {
    return drop_path_factors({0.5, 3, samples}, stack, 12, 2, std::vector<int64_t>(samples.size(), 1));
  };
  const Tensor together = of({4, 9, 2});
  EXPECT_TRUE(at::equal(together.slice(2, 1, 2), of({9})));
  EXPECT_TRUE(at::equal(together.slice(2, 2, 3), of({2, 4}).slice(2, 0, 1)));
  EXPECT_FALSE(at::equal(of({9}), of({10})));
  EXPECT_FALSE(at::equal(of({9}), of({9}, DropPathStack::kDecoder)));
  EXPECT_EQ(test::message_of([] {
              drop_path_factors({0.5, 3, {1}}, DropPathStack::kEncoder, 1, 2, {1, 1});
            }),
            "[DropPath] 1 numbers for 2 samples");
}

// Without drops all is as it was; a branch of factor 0 is gone.
TEST(DropPath, BlocksWithFactors) {
  const BlockConfig config{.width = 32, .heads = 4, .mlp_hidden = 48, .proj_bias = true, .mlp_bias = true};
  SeedSource source(3);
  Parameters parameters;
  const Scope scope(parameters, source);
  const EncoderBlock encoder(scope["encoder"], config);
  const DecoderBlock decoder(scope["decoder"], config);
  for (const auto& entry : parameters.entries())
    if (entry.name.ends_with("bias")) entry.value.copy_(at::linspace(-1, 1, entry.value.numel()));
  const Tensor x = at::linspace(-2, 2, 9 * 32).reshape({9, 32}).sin();
  const AttentionLayout within = AttentionLayout::within({4, 5}), across = AttentionLayout::across({4, 5}, {3, 0});
  const Tensor context = x.slice(0, 0, 3).cos(), ones = at::ones({3, 9, 1}), zeros = at::zeros({3, 9, 1});
  const auto keys = decoder.keys(context);
  test::expect_close("encoder", with_drop_path(encoder, x, within, ones), encoder(x, within), 1e-6);
  test::expect_close("decoder", with_drop_path(decoder, x, keys, within, across, ones),
                     decoder(x, keys, within, across), 1e-6);
  EXPECT_TRUE(at::equal(with_drop_path(encoder, x, within, zeros), x));
  EXPECT_TRUE(at::equal(with_drop_path(decoder, x, keys, within, across, zeros), x));
  // One branch alone, twice as much of it.
  Tensor mlp = zeros.clone();
  mlp[1].fill_(2);
  test::expect_close("mlp", with_drop_path(encoder, x, within, mlp), x + 2 * encoder.mlp(encoder.norm2(x)), 1e-6);
}

// A model in training, with activations kept and computed again.
TEST(DropPath, ATransformerDropsTheSameWhenActivationsAreComputedAgain) {
  const ModelConfig config = test::small_transformer();
  const auto gradients = [&](double rate, bool again) {
    FourM model = create_model(config, test::small_table(), 5);
    model.parameters().make_trainable();
    model.checkpoint_activations(again);
    Batch batch = test::random_batch(config, 8, 4);
    if (rate > 0) batch.inputs.drop_path = batch.targets.drop_path = DropPath{rate, 2, {10, 11, 12, 13}};
    model.loss(batch).total.backward();
    Tensor all;
    for (const auto& entry : model.parameters().entries())
      if (entry.value.grad().defined()) {
        const Tensor flat = entry.value.grad().flatten();
        all = all.defined() ? at::cat({all, flat}) : flat;
      }
    return all;
  };
  test::expect_close("gradients", gradients(0.5, true), gradients(0.5, false), 1e-6);
  EXPECT_FALSE(at::allclose(gradients(0.5, false), gradients(0, false)));
}

}  // namespace
}  // namespace fourm
