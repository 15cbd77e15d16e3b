#include "fourm/core/error.h"
#include "fourm/parity/cases.h"

namespace fourm {

size_t replay(const fs::path& folder, const fs::path& out, const std::optional<fs::path>& tokenizer,
              const ComputeConfig& config) {
  const Json info = read_json(folder / "case.json");
  check(info.is_object(), (folder / "case.json").string(), ": is not an object");
  const bool generation = info.contains("runs"), forward = info.contains("num_encoder_tokens");
  if (!generation && !forward && info.value("kind", "") == "text") {
    const Json results = run_text_case(folder, tokenizer);
    write_json(out, results);
    return results.size();
  }
  const NamedTensors results = generation ? run_generation_case(folder, config)
                               : forward  ? run_forward_case(folder, config)
                                          : run_tokenizer_case(folder, config);
  save_tensors(out, results);
  return results.size();
}

}  // namespace fourm
