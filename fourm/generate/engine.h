// How generation computes: by which engine and in which arithmetic.
#pragma once

#include <string>

namespace fourm {

struct EngineConfig {
  std::string engine = "fast", precision = "f32";

  template <class Visitor>
  void fields(Visitor& v) {
    v("engine", engine, "fast, or reference: plain products, nothing kept between steps");
    v("precision", precision, "f32 (exact), bf16, int8, or auto: bf16 where the processor is fast at it, else f32");
  }
};

}  // namespace fourm
