// Rows of tables that lie in files.
#include <algorithm>
#include <fstream>

#include "fourm/core/file.h"
#include "fourm/nn/layers.h"
#include "tests/support/compare.h"

namespace fourm {
namespace {

// MiB of this process's memory that files have a part in.
double mapped_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssFile:")) return std::strtod(line.c_str() + 8, nullptr) / 1024;
  return 0;
}

TEST(EmbeddingTable, RowsThatWereReadDoNotStayInMemory) {
  const NoGradGuard no_grad;
  constexpr int64_t kRows = 24 << 10, kWidth = 1024, kAtOnce = 300;  // 96 MiB
  const Tensor table = at::arange(kRows * kWidth, at::kFloat).view({kRows, kWidth});
  const fs::path folder = fs::path(testing::TempDir()) / "fourm_embedding";
  fs::create_directories(folder);
  save_tensors(folder / "table.safetensors", {{"table.weight", table}});
  FileSource source(SafetensorsFile::open(folder / "table.safetensors"), Precision::kF32);
  Parameters parameters;
  const Scope root(parameters, source);
  const EmbeddingTable embedding(root["table"], kRows, kWidth, Init::zeros());
  const double before = mapped_mib();
  double most = 0;
  for (int64_t row = 0; row < kRows; row += kAtOnce) {
    const Tensor ids = at::arange(row, std::min(row + kAtOnce, kRows), at::kLong);
    ASSERT_TRUE(at::equal(embedding(ids), table.index_select(0, ids))) << row;
    most = std::max(most, mapped_mib() - before);
  }
  EXPECT_TRUE(at::equal(embedding(at::arange(kRows, at::kLong)), table));
  most = std::max(most, mapped_mib() - before);
  EXPECT_LT(most, 16);
  EXPECT_EQ(embedding(at::zeros({0}, at::kLong)).sizes(), at::IntArrayRef({0, kWidth}));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace fourm
