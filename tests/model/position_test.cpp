// The position tables that we make are those that official files hold.
#include "fourm/model/model_file.h"
#include "tests/support/compare.h"
#include "tests/support/fixtures.h"
#include "tests/support/tensor_map.h"

namespace fourm {
namespace {

TEST(Positions, TablesEqualTheOriginals) {
  for (const char* name : {"forward_21", "variant_gelu_bias"}) {
    const fs::path folder = test::fixture_root() / "transformer" / name;
    FOURM_NEEDS(folder);
    const FourM ours = create_model(read_model_config(folder / "config.json"), ModalityTable::official(), 1);
    const auto stored = test::read_all(folder / "model.safetensors");
    int tables = 0;
    for (const auto& entry : ours.parameters().entries())
      if (entry.name.ends_with("pos_emb") && !entry.is_parameter) {
        ++tables;
        test::expect_close(entry.name, entry.value, stored.at(entry.name), 1e-5);
      }
    EXPECT_GE(tables, 3);
  }
}

}  // namespace
}  // namespace fourm
