// The image-text model on the device beside the CPU.
#include "fourm/clip/clip_model.h"
#include "fourm/clip/contrast.h"
#include "fourm/kernels/precision_scope.h"
#include "fourm/train/optimizer.h"
#include "tests/support/compare.h"
#include "tests/support/described_images.h"
#include "tests/support/fake_device.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

using test::fake_device;
using test::take_counts;

class DeviceClip : public testing::Test {
 protected:
  DeviceClip() {
    test::write_described_discs(temporary.path(), 8);
    for (int i = 0; i < 6; ++i) texts.push_back(test::described_disc(i).captions[static_cast<size_t>(i % 2)]);
  }
  ClipModel fresh(at::Device device) const { return ClipModel::create(config, temporary / "text.json", 3, device); }
  Tensor loss(const ClipModel& model) const {
    return contrastive_loss(model.embed_images(images), model.embed_texts(texts), model.scale(), groups_of(texts));
  }

  test::TemporaryFolder temporary;
  ClipConfig config = test::small_clip();
  std::vector<std::string> texts;
  const Tensor images = test::wave({6, 3, 32, 32}, 0.37);
};

TEST_F(DeviceClip, EmbeddingsAndFeaturesAreThoseOfTheCpu) {
  fresh(at::kCPU).save(temporary / "clip");
  const auto run = [&](const Compute& compute) {
    const InferenceGuard inference;
    const ClipModel model = ClipModel::open(temporary / "clip", compute);
    return std::array{model.embed_images(images).cpu(), model.embed_texts(texts).cpu(),
                      model.patch_features(images).cpu(), model.scale().cpu()};
  };
  const auto expected = run({});
  for (const Compute& compute :
       {Compute::for_training(fake_device()), Compute::for_inference(Precision::kF32, fake_device())}) {
    const auto found = run(compute);
    for (size_t i = 0; i < expected.size(); ++i)
      test::expect_close("result " + std::to_string(i), found[i], expected[i], 1e-5);
  }
  test::expect_close("bf16", run(Compute::for_inference(Precision::kBf16, fake_device()))[1], expected[1], 3e-2);
}

TEST_F(DeviceClip, LearnsAsOnTheCpu) {
  const auto run = [&](at::Device device) {
    ClipModel model = fresh(device);
    model.parameters().make_trainable();
    AdamW optimizer(model.parameters(), {.epsilon = 1e-3});  // see transformer_test.cpp
    std::map<std::string, Tensor> results;
    for (int step = 0; step < 2; ++step) {
      const Tensor value = loss(model);
      value.backward();
      optimizer.step(1e-3, optimizer.gradient_norm());
      optimizer.clear_gradients();
      results["loss " + std::to_string(step)] = value.detach().cpu();
    }
    for (const auto& entry : model.parameters().entries()) results[entry.name] = entry.value.detach().cpu().clone();
    return results;
  };
  const auto found = run(fake_device());
  for (const auto& [name, value] : run(at::kCPU)) test::expect_close(name, found.at(name), value, 1e-5);
}

TEST_F(DeviceClip, LearnsInBfloat16) {
  const auto run = [&](at::Device device, Precision precision) {
    ClipModel model = fresh(device);
    const PrecisionScope scope(precision, device);
    return loss(model).item<double>();
  };
  const double expected = run(at::kCPU, Precision::kF32);
  EXPECT_NEAR(run(fake_device(), Precision::kBf16), expected, 5e-2 * expected);
}

TEST_F(DeviceClip, TheHostDoesNotWaitInTraining) {
  ClipModel model = fresh(fake_device());
  model.parameters().make_trainable();
  AdamW optimizer(model.parameters(), {});
  test::DeviceCounts counts;
  for (int step = 0; step < 2; ++step) {  // the first one tries the kernels of attention
    take_counts();
    loss(model).backward();
    optimizer.step(1e-3, optimizer.gradient_norm());
    optimizer.clear_gradients();
    counts = take_counts();
  }
  EXPECT_EQ(counts.reads(), 0);
  EXPECT_LE(counts.uploads, 5);  // images, texts, groups, and the row counts of attention to texts
}

TEST_F(DeviceClip, RetrievalIsThatOfTheCpu) {
  const auto run = [&](at::Device device) {
    const InferenceGuard inference;
    const ClipModel model = fresh(device);
    return retrieval(model.embed_images(images), model.embed_texts(texts), groups_of(texts));
  };
  EXPECT_EQ(run(fake_device()), run(at::kCPU));
}

}  // namespace
}  // namespace fourm
