// A codebook learned by running averages of the vectors assigned to each code (van den Oord et al. 2017, appendix A.1),
// compared by cosine similarity or by distance, with restarts of unused codes (paper appendix B.3) and k-means
// initialisation. The original: fourm/vq/quantizers/quantize_lucid.py.
#pragma once

#include "fourm/dist/process_group.h"
#include "fourm/nn/parameters.h"
#include "fourm/nn/unit_rows.h"
#include "fourm/tokenizer/config.h"
#include "fourm/tokenizer/draws.h"

namespace fourm {

class EmaCodebook {
 public:
  EmaCodebook() = default;
  EmaCodebook(const Scope& scope, const TokenizerConfig& config);

  /// The input of the other functions: the vectors, of unit length when codes are compared by cosine similarity.
  Tensor comparable(const Tensor& z) const { return cosine_ ? unit_rows(z) : z; }
  /// The nearest code of each vector. x [N, d] -> Long [N].
  Tensor nearest(const Tensor& x) const;
  /// Raw rows of the table (not unit length). Long [N] -> [N, d].
  Tensor rows(const Tensor& codes) const { return embed_.index_select(0, codes); }
  /// Initialises the table by k-means on x [N, d], unless it is initialised already.
  void initialise(const Tensor& x, QuantizerDraws& draws);
  /// Keeps the vectors x [N, d] and their codes [N] of a micro-batch for update().
  void collect(const Tensor& x, const Tensor& codes);
  /// One step of the running averages with all vectors collected since the last one, then restarts of dead codes.
  /// Nothing happens when none were collected.
  void update(QuantizerDraws& draws);

  /// From now on all processes of the group call initialise() and update() together, with the vectors of all of them.
  void share_statistics(const ProcessGroup& group) { group_ = group; }

  int64_t size() const { return embed_.size(0); }
  /// Reproduces the original: a restarted code keeps its low usage and so is drawn again every step, copies of
  /// codes are exact duplicates, k-means leaves clusters empty. For parity only.
  void follow_original() { as_original_ = true; }

 private:
  void restart_dead(const Tensor& x, QuantizerDraws& draws);

  std::shared_ptr<const Kernels> kernels_;
  bool cosine_ = true, split_popular_ = false, as_original_ = false;
  bool initialised_ = false;  // what initted_ holds, once it is read
  double decay_ = 0.99, threshold_ = 0;
  Tensor embed_, cluster_size_, initted_, embed_avg_;
  std::vector<Tensor> vectors_, codes_;  // collected, a micro-batch each
  ProcessGroup group_;
  int64_t started_rows_ = 0;  // vectors of a k-means initialisation since the last update
};

}  // namespace fourm
