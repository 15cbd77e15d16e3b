#include "fourm/train/lora.h"

#include <gtest/gtest.h>

#include "fourm/io/adapter.h"
#include "fourm/model/inspect.h"
#include "fourm/model/model_file.h"
#include "fourm/train/initial_weights.h"
#include "tests/support/captured_log.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/small_transformer.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class LoraTest : public testing::Test {
 protected:
  void SetUp() override { save_model(create_model(config_, table_, 3), root_ / "base"); }

  // A model with adapters that have learned something.
  FourM adapted(const LoraConfig& lora, const fs::path& base) const {
    SeedSource seeds(9);
    LoraSource source(seeds, lora, 4);
    FourM model(config_, table_, source, /*tie_heads=*/true);
    take_weights(model, base);
    source.add_to(model.parameters());
    return model;
  }
  static void learn(FourM& model) {
    int64_t i = 0;
    for (const auto& entry : model.parameters().entries())
      if (entry.name.ends_with(kLoraUp)) entry.value.copy_(test::wave(entry.value.sizes(), 0.3 + 0.1 * double(i++)));
  }
  std::map<std::string, double> losses(const FourM& model) const {
    const NoGradGuard no_grad;
    std::map<std::string, double> all;
    for (const auto& [name, part] : model.loss(test::random_batch(config_, 6, 4)).parts)
      all[name] = part.loss.item<double>();
    return all;
  }
  void expect_same(const FourM& a, const FourM& b) const {
    const auto found = losses(a);
    for (const auto& [name, value] : losses(b)) EXPECT_NEAR(found.at(name), value, 2e-6) << name;
  }

  const test::CapturedLog captured_;
  const test::TemporaryFolder temporary_;
  const fs::path root_ = temporary_.path();
  const ModelConfig config_ = test::small_transformer();
  const ModalityTable table_ = test::small_table();
  const LoraConfig lora_{3, 6, {"*attn.*", "encoder.*.fc1"}};
};

TEST_F(LoraTest, BeginsAsTheModelThatItChanges) {
  FourM model = adapted(lora_, root_ / "base");
  expect_same(model, load_model(root_ / "base", table_));
  model.parameters().make_trainable(lora_patterns());
  // qkv and proj of 2 + 2 self-attentions, q, kv and proj of 2 cross-attentions, fc1 of 2 encoder blocks.
  const int64_t d = config_.dim, hidden = config_.mlp_hidden();
  EXPECT_EQ(model.parameters().trainable_count(),
            3 * (4 * ((d + 3 * d) + (d + d)) + 2 * ((d + d) + (d + 2 * d) + (d + d)) + 2 * (d + hidden)));
  model.loss(test::random_batch(config_, 6, 4)).total.backward();
  for (const auto& entry : model.parameters().entries())
    EXPECT_EQ(entry.value.grad().defined(), entry.name.find(".lora_") != std::string::npos) << entry.name;
}

// The adapter's folder is the changed model for every reader, and its copy is that model without the base.
TEST_F(LoraTest, AnAdapterStandsForTheChangedModel) {
  FourM model = adapted(lora_, root_ / "base");
  learn(model);
  save_adapter(model, lora_, root_ / "base", root_ / "adapter");
  const auto stored = SafetensorsFile::open(root_ / "adapter/adapter.safetensors");
  EXPECT_EQ(stored.tensors().size(), 2u * (8 + 6 + 2));
  const FourM loaded = load_model(root_ / "adapter", table_);
  expect_same(loaded, model);
  EXPECT_GT(std::abs(losses(loaded).at("a") - losses(load_model(root_ / "base", table_)).at("a")), 1e-3);
  convert(root_ / "adapter", root_ / "merged", "f32", 0);
  EXPECT_FALSE(is_adapter(root_ / "merged"));
  fs::remove_all(root_ / "base");
  expect_same(load_model(root_ / "merged", table_), model);
}

// Bases in half precision, and other tensors that have learned.
TEST_F(LoraTest, WhateverElseDiffersIsKept) {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    save_model(create_model(config_, table_, 3), root_ / "narrow", type);
    FourM model = adapted(lora_, root_ / "narrow");
    learn(model);
    model.parameters().find("mask_token").fill_(0.25);
    save_adapter(model, lora_, root_ / "narrow", root_ / "adapter");
    EXPECT_TRUE(SafetensorsFile::open(root_ / "adapter/adapter.safetensors").find("mask_token"));
    expect_same(load_model(root_ / "adapter", table_), model);
  }
}

TEST_F(LoraTest, SaysWhatIsWrong) {
  const auto refused = [&](const LoraConfig& lora) { return test::message_of([&] { adapted(lora, root_ / "base"); }); };
  EXPECT_NE(
      refused({3, 6, {"attention"}}).find("training.lora.matrices: no matrix of a block has a name like attention"),
      std::string::npos);
  EXPECT_NE(refused({33, 6, {"*attn.*"}}).find("training.lora.rank is 33"), std::string::npos);
  FourM model = adapted(lora_, root_ / "base");
  learn(model);
  save_adapter(model, lora_, root_ / "base", root_ / "adapter");
  const auto opened = [&] { return test::message_of([&] { load_model(root_ / "adapter", table_); }); };
  const fs::path info = root_ / "adapter/adapter.json";
  fs::rename(root_ / "base", root_ / "moved");
  EXPECT_EQ(opened(), concat(info.string(), ": its base model ", (root_ / "base").string(),
                             " is not there; give its path as 'base' in this file"));
  write_adapter_info(root_ / "adapter", {"../moved", 3, 6});
  EXPECT_EQ(opened(), "no error") << "a relative path starts at the folder";
  ModelConfig wider = config_;
  wider.dim = 64;
  save_model(create_model(wider, table_, 3), root_ / "wider");
  write_adapter_info(root_ / "adapter", {"../wider", 3, 6});
  EXPECT_NE(opened().find("it belongs to another model"), std::string::npos) << opened();
  write_adapter_info(root_ / "adapter", {"../adapter", 3, 6});
  EXPECT_NE(opened().find("is an adapter itself"), std::string::npos) << opened();
  write_file(info, R"({"base": "../moved", "rank": 0, "alpha": 1})");
  EXPECT_NE(opened().find("expected a rank of at least 1"), std::string::npos) << opened();
}

}  // namespace
}  // namespace fourm
