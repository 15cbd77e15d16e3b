#include "fourm/nn/checkpoint.h"

#include "tests/support/compare.h"

namespace fourm {
namespace {

struct Gradients {
  Tensor x, unused, weight;
};

// Of a block that is called once, or with checkpointing once more in the backward pass.
Gradients gradients(bool checkpointed, int* calls) {
  Gradients of{test::wave({3, 4}, 0.7).requires_grad_(), test::wave({3, 4}, 0.2),
               test::wave({4, 4}, 0.3).requires_grad_()};
  const auto block = [&, weight = of.weight](const std::vector<Tensor>& inputs) {
    ++*calls;
    return at::tanh(at::matmul(inputs[0], weight)) * inputs[1];
  };
  const std::vector<Tensor> inputs{of.x, of.unused};
  Tensor loss = (checkpointed ? checkpoint(block, inputs) : block(inputs)).square().sum();
  loss.backward();
  return of;
}

TEST(Checkpoint, GradientsAreThoseOfTheBlockItself) {
  int plain_calls = 0, calls = 0;
  const Gradients plain = gradients(false, &plain_calls), again = gradients(true, &calls);
  EXPECT_EQ(plain_calls, 1);
  EXPECT_EQ(calls, 2) << "the backward pass computes the block again";
  EXPECT_TRUE(at::equal(plain.x.grad(), again.x.grad()));
  EXPECT_TRUE(at::equal(plain.weight.grad(), again.weight.grad()));
  EXPECT_FALSE(again.unused.grad().defined());
}

TEST(Checkpoint, WithoutGradientsTheBlockRunsOnce) {
  int calls = 0;
  const auto block = [&](const std::vector<Tensor>& inputs) {
    ++calls;
    return inputs[0] * 2;
  };
  const Tensor x = test::wave({2}, 0.5).requires_grad_();
  {
    const NoGradGuard no_grad;
    EXPECT_FALSE(checkpoint(block, {x}).requires_grad());
  }
  EXPECT_FALSE(checkpoint(block, {x.detach()}).requires_grad());
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace fourm
