#include "fourm/io/weights.h"

#include <gtest/gtest.h>

#include "fourm/core/file.h"
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

}  // namespace
}  // namespace fourm
