// Direct and chained generation of images, compared (paper section 4, Fig. 9): the inputs, such as a caption, give the image
// straight away, or other modalities first and then the image from all of them.
#pragma once

#include "fourm/core/json.h"
#include "fourm/eval/evaluate.h"

namespace fourm {

/// Values of one setting of every grid target, tried one after the other.
struct Sweep {
  std::string key{};  ///< "guidance", "steps" or "temperature"; empty: none
  std::vector<double> values{};

  /// "guidance=1,2,3". Error on another key, and on values that it cannot have.
  static Sweep parse(const std::string& text);
};

struct ChainsResult {
  struct Chain {
    std::string name;             ///< "direct", "via clip", "via semseg+depth"
    std::optional<double> value;  ///< of the sweep
    std::vector<Comparison> measures;
  };
  std::string data, inputs, sweep;
  int64_t samples = 0, left_out = 0;
  std::vector<Chain> chains;
  std::vector<Unmeasured> not_measured;
};

/// `chains`: "direct", or what is generated before the image, as base names joined by "+" ("clip", "semseg+depth"). Empty:
/// direct, and by way of each of CLIP features, semantic map, depth and boxes that the model generates and that is no
/// input. Settings are the model's defaults (generate/defaults.h), changed by the sweep; modalities that the defaults would
/// add are left out. Error naming a chain that the model cannot generate.
ChainsResult compare_chains(const Pipeline& pipeline, const EvaluateOptions& options,
                            const std::vector<std::string>& chains = {}, const Sweep& sweep = {},
                            const ProcessGroup& group = {});

/// {"data", "samples", "left_out", "given", "chains": [{"chain", KEY OF THE SWEEP, "measures": as in fourm/eval/report.h}],
/// "not_measured"}.
Json to_json(const ChainsResult& result);
/// A block for each measure with a line for each chain.
std::string chains_table(const ChainsResult& result);
/// The measures over the values of the sweep as an SVG image, a line for each chain. Error without a sweep.
std::string sweep_svg(const ChainsResult& result);

}  // namespace fourm
