// A model, its config and a parity case with bytes broken at random are read or refused, never worse.
#include <unistd.h>

#include "fourm/core/file.h"
#include "fourm/model/model_file.h"
#include "fourm/parity/cases.h"
#include "tests/support/damage.h"
#include "tests/support/fixtures.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class Damage : public testing::Test {
 protected:
  void SetUp() override {
    make_folder(folder_);
    for (const char* name : {"case.json", "config.json", "inputs.safetensors", "model.safetensors"})
      write_file(folder_ / name, read_file(source_ / name));
  }

  // Breaks the first `most` bytes of the file, then reads the folder.
  template <class Read>
  void expect_refusals(const std::string& name, size_t most, int copies, const Read& read) {
    const std::string bytes = read_file(folder_ / name), head = bytes.substr(0, most), rest = bytes.substr(head.size());
    test::expect_refusals(head, copies, [&](const std::string& broken) {
      write_file(folder_ / name, broken + rest);
      read();
    });
  }

  fs::path source_ = test::fixture_root() / "transformer" / "variant_qknorm_registers";
  test::TemporaryFolder temporary_;
  fs::path folder_ = temporary_.path();
};

TEST_F(Damage, ConfigsOfModels) {
  expect_refusals("config.json", 1 << 20, 100, [&] { load_model(folder_); });
}
TEST_F(Damage, HeadersOfWeights) {
  expect_refusals("model.safetensors", 2000, 100, [&] { load_model(folder_); });
}
TEST_F(Damage, ParityCases) {
  expect_refusals("case.json", 1 << 20, 30, [&] { run_forward_case(folder_); });
}
TEST_F(Damage, InputsOfParityCases) {
  expect_refusals("inputs.safetensors", 600, 30, [&] { run_forward_case(folder_); });
}

}  // namespace
}  // namespace fourm
