#include "fourm/io/weights.h"

#include <gtest/gtest.h>

#include "fourm/core/file.h"
#include "fourm/io/adapter.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

TEST(Weights, FilesAreToldByTheirExtension) {
  for (const char* name : {"model.safetensors", "a.pth", "a.pt", "pytorch_model.bin", "a.ckpt", "A.SAFETENSORS"})
    EXPECT_TRUE(is_weight_file(name)) << name;
  for (const char* name : {"config.json", "a.npz", "model", "a.safetensors.index.json"})
    EXPECT_FALSE(is_weight_file(name)) << name;
}

TEST(Weights, AFolderHoldsWeightsOrTheirIndex) {
  const test::TemporaryFolder temporary;
  const fs::path root = temporary.path();
  for (const char* name : {"model.safetensors", "pytorch_model.bin", "model.safetensors.index.json",
                           "pytorch_model.bin.index.json", "config.json"}) {
    fs::remove_all(root);
    write_file(root / name, "");
    EXPECT_EQ(has_weights(root), std::string(name) != "config.json") << name;
  }
  fs::remove_all(root);
  EXPECT_FALSE(has_weights(root));
}

TEST(Weights, TheDigestFollowsWeightsConfigAndTheBaseOfAnAdapter) {
  const test::TemporaryFolder temporary;
  const fs::path base = temporary / "base", adapter = temporary / "adapter";
  write_file(base / "model.safetensors", "weights");
  write_file(base / "config.json", "{}");
  write_adapter_info(adapter, {base, 1, 1});
  write_file(adapter / "adapter.safetensors", "changes");
  const auto digests = [&] { return std::pair(weights_digest(base), weights_digest(adapter)); };
  const auto before = digests();
  EXPECT_EQ(digests(), before);
  for (const char* changed : {"model.safetensors", "config.json"}) {
    const std::string original = read_file(base / changed);
    write_file(base / changed, std::string(original.size(), 'x'));
    EXPECT_NE(digests().first, before.first) << changed;
    EXPECT_NE(digests().second, before.second) << changed;
    write_file(base / changed, original);
  }
  write_file(adapter / "adapter.safetensors", "CHANGES");
  EXPECT_EQ(digests().first, before.first);
  EXPECT_NE(digests().second, before.second);
}

TEST(Weights, FingerprintsTellOtherWeightsApart) {
  const test::TemporaryFolder folder;
  std::string weights(1 << 20, 'w');
  const auto fingerprint = [&](const char* name) {
    write_file(folder / name / "model.safetensors", weights);
    return weights_fingerprint(folder / name);
  };
  const std::string first = fingerprint("a");
  EXPECT_EQ(fingerprint("b"), first);
  for (const size_t changed : {size_t{0}, weights.size() / 2, weights.size() - 1}) {
    const std::string before = weights;
    std::fill_n(weights.begin() + static_cast<std::ptrdiff_t>(changed / 2), weights.size() / 2, 'x');
    EXPECT_NE(fingerprint("c"), first) << changed;
    weights = before;
  }
  weights.push_back('w');
  EXPECT_NE(fingerprint("d"), first) << "a longer file";
}

}  // namespace
}  // namespace fourm
