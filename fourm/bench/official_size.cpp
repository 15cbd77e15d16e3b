#include "fourm/bench/official_size.h"

#include "fourm/core/error.h"
#include "fourm/core/strings.h"

namespace fourm {

ModelConfig official_size(const std::string& name) {
  struct Row {
    const char* name;
    int64_t dim, heads, depth;
  };
  constexpr Row kSizes[] = {
      {"Ti", 384, 6, 6}, {"S", 512, 8, 8}, {"B", 768, 12, 12}, {"L", 1024, 16, 24}, {"XL", 2048, 32, 24}};
  for (const auto& row : kSizes) {
    if (name != row.name) continue;
    ModelConfig c;
    c.domains_in = {"caption",        "det",         "rgb@224",       "tok_clip@224", "tok_depth@224",
                    "tok_normal@224", "tok_rgb@224", "tok_semseg@224"};
    for (const auto& domain : c.domains_in)
      if (domain != "rgb@224") c.domains_out.push_back(domain);
    c.dim = row.dim, c.num_heads = row.heads, c.encoder_depth = c.decoder_depth = row.depth;
    c.qkv_bias = c.proj_bias = c.mlp_bias = false;
    c.gated_mlp = true;
    return c;
  }
  fail("unknown size ", printable(name), "; known: Ti, S, B, L, XL");
}

}  // namespace fourm
