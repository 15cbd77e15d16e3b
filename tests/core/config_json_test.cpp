#include "fourm/core/config_json.h"

#include <gtest/gtest.h>

namespace fourm {
namespace {

struct Part {
  double rate = 0.5;
  template <class V>
  void fields(V& v) {
    v("rate", rate, "");
  }
};
struct Whole {
  std::string name = "x";
  std::vector<int64_t> sizes{2, 1};
  std::optional<int64_t> limit, width = 3;
  std::map<std::string, Part> parts{{"a", {}}};
  Part part{2};
  bool on = true;
  template <class V>
  void fields(V& v) {
    v("name", name, "");
    v("sizes", sizes, "", KeyRole::kChangeable);
    v("limit", limit, "");
    v("width", width, "");
    v("parts", parts, "");
    v("part", part, "");
    v("on", on, "");
  }
};

TEST(ConfigJson, HoldsEveryKeyInTheOrderOfDeclaration) {
  EXPECT_EQ(
      json_text(config_json(Whole())),
      R"({"name":"x","sizes":[2,1],"limit":null,"width":3,"parts":{"a":{"rate":0.5}},"part":{"rate":2.0},"on":true})");
}

}  // namespace
}  // namespace fourm
