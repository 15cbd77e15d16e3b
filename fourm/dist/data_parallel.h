// Data parallel training: each process computes the gradients of its part of a batch, and they are summed over the processes
// while the backward pass computes them.
//
// Tensors are grouped into buckets in reverse order of declaration, which is about the order in which gradients are computed. A
// bucket is reduced when the gradients of all its tensors are computed. All processes reduce the buckets in the same order.
//
// Optimizer state and gradients may be sharded over the processes (ZeRO-1 and ZeRO-2, Rajbhandari et al. 2020, "ZeRO: memory
// optimizations toward training trillion parameter models"): each bucket then has an owner, which gets the sum of its
// gradients, updates its weights and broadcasts them. On several machines the owners of a bucket are one process of each
// machine: sums are made at the owner of a machine, then across machines, and weights stay inside machines.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "fourm/dist/process_group.h"
#include "fourm/nn/parameters.h"

namespace fourm {

enum class Sharding {
  kNone,       ///< every process has everything
  kOptimizer,  ///< owners have the optimizer state
  kGradients,  ///< and the summed gradients
};

/// Tensors whose gradients are reduced together.
struct BucketPlan {
  std::vector<size_t> tensors;  ///< indices into the list
  int64_t numel = 0;
  int64_t owner = 0;  ///< the process (of a machine) that updates them, where something is sharded
};

constexpr int64_t kBucketBytes = int64_t{16} << 20;

/// Buckets of float32 tensors of `numel` numbers each, in the order in which they are reduced. A bucket is closed before it
/// has more than `bytes`. The buckets of each owner have about the same number of bytes.
std::vector<BucketPlan> plan_buckets(const std::vector<int64_t>& numel, int64_t processes,
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
  /// The processes that together own each tensor once: those of a machine (ProcessGroup::on_machine). Of several machines the
  /// first writes what they own.
  const ProcessGroup& owners() const { return machine_; }
  bool is_first_machine() const { return across_.is_first(); }
  /// After requires_grad of tensors of the constructor has changed. Buckets without a tensor that requires gradients are not
  /// reduced.
  void trainable_changed();
  /// Before the backward pass of a loss; during the last one of a step, buckets are reduced.
  void prepare_for_backward(const Tensor& loss, bool last);
  /// After the last backward pass: gradients are summed over the processes. A tensor that has no gradient in any process has
  /// none then, and neither has a tensor of another owner.
  void wait_for_gradients();
  /// The norm of all gradients, from the norms of those that this process owns (0 for others): a float64 scalar.
  Tensor norm(const Tensor& own_norms) const;
  /// After the update: the owners broadcast the new weights.
  void broadcast_weights();

 private:
  struct Bucket : BucketPlan {
    bool trainable = true;     // any of its tensors
    Tensor values, gradients;  // [numel]; values only with sharding
    Tensor rounded;            // the gradients in bfloat16, while they are sent so
    int64_t pending = 0;       // gradients that are still to be computed before it is reduced
    ProcessGroup::Work work;
  };
  struct ParameterSlot {
    Tensor tensor;
    size_t bucket;
    int64_t begin;          // in the bucket
    bool computed = false;  // its gradient, in this step
    // How often a backward pass computes the gradient of a tensor that is not in the graph of the loss, since its operations are
    // recomputed in the backward pass (nn/checkpoint.h): as often as an earlier pass did.
    int64_t recomputed = 0;
    int64_t times = 0, expected = 0;  // that its gradient is computed in the present backward pass
  };
  struct Hook;

  void make_buckets(const Parameters& parameters, int64_t bytes);
  Tensor view_of(const Tensor& flat, const ParameterSlot& slot) const;
  std::unordered_set<size_t> parameters_in_graph(const Tensor& loss) const;
  void mark_ready(size_t index);
  void reduce_ready_buckets(bool all);
  bool sums_for_all() const;
  void sum_across_machines(bool all);
  const Tensor& sent(const Bucket& bucket) const { return in_bf16_ ? bucket.rounded : bucket.gradients; }

  ProcessGroup group_, machine_, across_;
  Sharding sharding_;
  bool in_bf16_;
  std::vector<ParameterSlot> slots_;
  std::vector<Bucket> buckets_;
  std::unordered_map<const at::TensorImpl*, size_t> index_;
  std::unordered_set<size_t> in_graph_;  // tensors in that of the present loss
  size_t reduced_ = 0;                   // buckets whose sum has begun
  size_t summed_ = 0;                    // and those of several machines whose sum across machines has begun
  int64_t passes_ = 0;                   // backward passes in which buckets are reduced
  bool reducing_ = false;
};

}  // namespace fourm
