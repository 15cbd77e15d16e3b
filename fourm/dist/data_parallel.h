// Data parallel training: each process computes the gradients of its part of a batch, and they are summed over the processes
// while the backward pass computes them.
//
// Tensors stand in buckets, in reverse order of declaration, which is about the order in which gradients are computed. A
// bucket is sent when the gradients of all its tensors are there. All processes send the buckets in the same order.
//
// Optimizer state and gradients may be spread over the processes (ZeRO-1 and ZeRO-2, Rajbhandari et al. 2020, "ZeRO: memory
// optimizations toward training trillion parameter models"): each bucket then has an owner, which gets the sum of its
// gradients, updates its weights and sends them to the others.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fourm/dist/process_group.h"
#include "fourm/nn/parameters.h"

namespace fourm {

enum class Sharding {
  kNone,       ///< every process has everything
  kOptimizer,  ///< optimizer state is with the owners
  kGradients,  ///< and so are summed gradients
};

/// Tensors whose gradients are sent together.
struct BucketPlan {
  std::vector<size_t> tensors;  ///< by their place in the list
  int64_t numbers = 0;
  int64_t owner = 0;  ///< the process that updates them, where something is spread
};

constexpr int64_t kBucketBytes = int64_t{16} << 20;

/// Float32 tensors of so many numbers, in the order in which they are sent. A bucket is closed before it has more than
/// `bytes`; owners get about as much each.
std::vector<BucketPlan> plan_buckets(const std::vector<int64_t>& numbers, int64_t processes,
                                     int64_t bytes = kBucketBytes);

class DataParallel {
 public:
  /// Over the tensors that require gradients, which must be the same in all processes. With a group of one, it does nothing.
  /// `in_bf16`: gradients are rounded to bfloat16 before they are sent, and so are their sums.
  DataParallel(const Parameters& parameters, const ProcessGroup& group, Sharding sharding = Sharding::kNone,
               bool in_bf16 = false, int64_t bucket_bytes = kBucketBytes);
  ~DataParallel();
  DataParallel(const DataParallel&) = delete;
  DataParallel& operator=(const DataParallel&) = delete;

  /// Whether this process updates the tensor; of tensors that are not trained, all do.
  bool owns(const Tensor& tensor) const;
  /// After the tensors that require gradients have changed: of those of the constructor some may no longer, and may do so again.
  /// Buckets of tensors of which none does are not sent.
  void learning_changed();
  /// Before the backward pass of a loss; during the last one of a step, buckets are sent.
  void before_backward(const Tensor& loss, bool last);
  /// After the last backward pass: gradients are summed over the processes. A tensor that has no gradient in any process has
  /// none then, and neither has a tensor of another owner.
  void finish_gradients();
  /// The length of all gradients, from the lengths of those that this process owns (0 for others): a float64 scalar.
  Tensor norm(const Tensor& own_norms) const;
  /// After the update: the owners send the new weights.
  void share_weights();

 private:
  struct Bucket : BucketPlan {
    bool learns = true;        // any of its tensors
    Tensor values, gradients;  // [numbers]; values only where they are sent
    Tensor rounded;            // the gradients in bfloat16, while they are sent so
    int64_t missing = 0;       // times that gradients are to come before it is sent
    ProcessGroup::Exchange exchange;
  };
  struct Place {
    Tensor tensor;
    size_t bucket;
    int64_t begin;          // in it
    bool computed = false;  // its gradient, in this step
    // How often the gradient of a tensor is computed that the graph of the loss does not show, since it is computed anew in the
    // backward pass (nn/checkpoint.h): as often as in a pass before.
    int64_t hidden = 0;
    int64_t times = 0, expected = 0;  // in the present backward pass
  };
  struct Hook;

  void make_buckets(const Parameters& parameters, int64_t bytes);
  Tensor part(const Tensor& flat, const Place& place) const;
  std::unordered_set<size_t> in_graph(const Tensor& loss) const;
  void collect(size_t index);
  void send_complete(bool all);

  ProcessGroup group_;
  Sharding sharding_;
  bool in_bf16_;
  std::vector<Place> places_;
  std::vector<Bucket> buckets_;
  std::unordered_map<const at::TensorImpl*, size_t> index_;
  std::unordered_set<size_t> shown_;  // by the graph of the present loss
  size_t sent_ = 0;                   // buckets
  int64_t passes_ = 0;                // backward passes in which buckets are sent
  bool sending_ = false;
};

}  // namespace fourm
