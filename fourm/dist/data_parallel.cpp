#include "fourm/dist/data_parallel.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

namespace fourm {

std::vector<BucketPlan> plan_buckets(const std::vector<int64_t>& numel, int64_t processes, int64_t bytes) {
  std::vector<BucketPlan> buckets;
  for (size_t i = 0; i < numel.size(); ++i) {
    if (buckets.empty() || (buckets.back().numel + numel[i]) * 4 > bytes) buckets.emplace_back();
    buckets.back().tensors.push_back(i);
    buckets.back().numel += numel[i];
  }
  std::vector<int64_t> owned(processes);
  for (BucketPlan& bucket : buckets) {
    bucket.owner = std::min_element(owned.begin(), owned.end()) - owned.begin();
    owned[bucket.owner] += bucket.numel;
  }
  return buckets;
}

struct DataParallel::Hook : torch::autograd::PostAccumulateGradHook {
  Hook(DataParallel& o, size_t i) : owner(o), index(i) {}
  void operator()(const torch::autograd::Variable&) override { owner.mark_ready(index); }
  DataParallel& owner;
  size_t index;
};

DataParallel::DataParallel(const Parameters& parameters, const ProcessGroup& group, Sharding sharding, bool in_bf16,
                           int64_t bucket_bytes)
    : group_(group),
      machine_(group.on_machine()),
      across_(group.across_machines()),
      sharding_(sharding),
      in_bf16_(in_bf16) {
  if (group_.size() == 1) return;
  make_buckets(parameters, bucket_bytes);
  for (size_t i = 0; i < slots_.size(); ++i)
    torch::autograd::impl::set_post_acc_grad_hooks(slots_[i].tensor, std::make_unique<Hook>(*this, i));
}

DataParallel::~DataParallel() {
  for (const ParameterSlot& slot : slots_) torch::autograd::impl::set_post_acc_grad_hooks(slot.tensor, nullptr);
}

void DataParallel::make_buckets(const Parameters& parameters, int64_t bytes) {
  const auto& entries = parameters.entries();
  std::vector<int64_t> numel;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const Tensor& tensor = entry->value;
    if (!tensor.requires_grad()) continue;
    check(tensor.scalar_type() == at::kFloat && tensor.is_non_overlapping_and_dense(), entry->name,
          ": weights that are trained should be float32 and dense");
    index_[tensor.unsafeGetTensorImpl()] = slots_.size();
    slots_.push_back({tensor, 0, 0});
    numel.push_back(tensor.numel());
  }
  for (const BucketPlan& plan : plan_buckets(numel, machine_.size(), bytes)) {
    int64_t begin = 0;
    for (const size_t i : plan.tensors) {
      slots_[i].bucket = buckets_.size();
      slots_[i].begin = begin;
      begin += numel[i];
    }
    buckets_.emplace_back().BucketPlan::operator=(plan);
  }
  if (sharding_ == Sharding::kNone) return;
  const NoGradGuard no_grad;
  for (Bucket& bucket : buckets_) {
    bucket.values = at::empty({bucket.numel}, slots_[bucket.tensors[0]].tensor.options().requires_grad(false));
    for (const size_t i : bucket.tensors) {
      const Tensor view = view_of(bucket.values, slots_[i]);
      view.copy_(slots_[i].tensor.detach());
      slots_[i].tensor.set_data(view);
    }
  }
}

Tensor DataParallel::view_of(const Tensor& flat, const ParameterSlot& slot) const {
  return flat.as_strided(slot.tensor.sizes(), slot.tensor.strides(), flat.storage_offset() + slot.begin);
}

bool DataParallel::owns(const Tensor& tensor) const {
  const auto slot = index_.find(tensor.unsafeGetTensorImpl());
  if (sharding_ == Sharding::kNone || slot == index_.end()) return true;
  return buckets_[slots_[slot->second].bucket].owner == machine_.rank();
}

// The tensors whose gradients the graph of a loss computes.
std::unordered_set<size_t> DataParallel::parameters_in_graph(const Tensor& loss) const {
  std::unordered_set<size_t> found;
  std::unordered_set<torch::autograd::Node*> seen;
  std::vector<torch::autograd::Node*> open{loss.grad_fn().get()};
  while (!open.empty()) {
    auto* node = open.back();
    open.pop_back();
    if (!node || !seen.insert(node).second) continue;
    if (auto* leaf = dynamic_cast<torch::autograd::AccumulateGrad*>(node))
      if (const auto slot = index_.find(leaf->variable.unsafeGetTensorImpl()); slot != index_.end())
        found.insert(slot->second);
    for (const auto& edge : node->next_edges()) open.push_back(edge.function.get());
  }
  return found;
}

void DataParallel::trainable_changed() {
  for (Bucket& bucket : buckets_)
    bucket.trainable = std::any_of(bucket.tensors.begin(), bucket.tensors.end(),
                                   [&](size_t i) { return slots_[i].tensor.requires_grad(); });
  for (ParameterSlot& slot : slots_) slot.recomputed = slot.times = 0;
  passes_ = 0;
}

void DataParallel::prepare_for_backward(const Tensor& loss, bool last) {
  if (slots_.empty()) return;
  for (size_t i = 0; i < slots_.size(); ++i) {
    ParameterSlot& slot = slots_[i];
    if (!in_graph_.contains(i)) slot.recomputed = std::max(slot.recomputed, slot.times);
    slot.times = 0;
  }
  in_graph_ = parameters_in_graph(loss);
  reducing_ = last;
  reduced_ = summed_ = 0;
  for (Bucket& bucket : buckets_) {
    bucket.pending = 0;
    for (const size_t i : bucket.tensors)
      bucket.pending += slots_[i].expected = in_graph_.contains(i) ? 1 : slots_[i].recomputed;
  }
  // Which tensors are recomputed is not known before the end of the first backward pass.
  if (reducing_ && ++passes_ > 1) reduce_ready_buckets(false);
}

// The gradient of a tensor was computed or added to. The first time it moves into its bucket.
void DataParallel::mark_ready(size_t index) {
  ParameterSlot& slot = slots_[index];
  Bucket& bucket = buckets_[slot.bucket];
  check(!reducing_ || slot.bucket >= reduced_, "[DataParallel] a gradient was computed after its bucket was reduced");
  if (!slot.computed) {
    const NoGradGuard no_grad;
    if (!bucket.gradients.defined())
      bucket.gradients = at::empty({bucket.numel}, slot.tensor.options().requires_grad(false));
    Tensor& gradient = slot.tensor.mutable_grad();
    const Tensor view = view_of(bucket.gradients, slot);
    view.copy_(gradient);
    gradient = view;
    slot.computed = true;
  }
  if (++slot.times > slot.expected) return;
  --bucket.pending;
  if (reducing_ && passes_ > 1) reduce_ready_buckets(false);
}

// Reduces the buckets whose gradients are complete, up to the first that is not; or all.
void DataParallel::reduce_ready_buckets(bool all) {
  const NoGradGuard no_grad;
  for (; reduced_ < buckets_.size() && (all || buckets_[reduced_].pending == 0); ++reduced_) {
    Bucket& bucket = buckets_[reduced_];
    if (!bucket.trainable) continue;
    if (!bucket.gradients.defined())
      bucket.gradients = at::empty({bucket.numel}, slots_[bucket.tensors[0]].tensor.options().requires_grad(false));
    for (const size_t i : bucket.tensors)
      if (!slots_[i].computed) view_of(bucket.gradients, slots_[i]).zero_();
    if (in_bf16_) bucket.rounded = bucket.gradients.to(at::kBFloat16);
    bucket.work =
        sums_for_all() ? machine_.all_reduce_async(sent(bucket)) : machine_.reduce_async(sent(bucket), bucket.owner);
  }
  sum_across_machines(all);
}

// Whether a bucket is summed for all processes at once. Gloo's all_reduce() adds three or more addends in another order than its
// reduce(), so that only two processes get the same bits from both; NCCL may differ anyway.
bool DataParallel::sums_for_all() const {
  return sharding_ == Sharding::kNone && across_.size() == 1 && (group_.size() == 2 || group_.has_device_backend());
}

// The owners on all machines sum the buckets whose sum on their machine is known, up to the first that is not; or all.
void DataParallel::sum_across_machines(bool all) {
  // Operations of NCCL on several communicators must start in the same order everywhere: those across machines start last.
  if (across_.size() == 1 || (group_.has_device_backend() && !all)) return;
  for (; summed_ < reduced_ && (all || buckets_[summed_].work.is_done()); ++summed_) {
    Bucket& bucket = buckets_[summed_];
    bucket.work.wait();
    if (bucket.trainable && bucket.owner == machine_.rank()) bucket.work = across_.all_reduce_async(sent(bucket));
  }
}

void DataParallel::wait_for_gradients() {
  if (slots_.empty()) return;
  reduce_ready_buckets(true);
  const Tensor computed = at::zeros({static_cast<int64_t>(slots_.size())}, at::kByte);
  auto* flags = computed.mutable_data_ptr<uint8_t>();
  for (size_t i = 0; i < slots_.size(); ++i) flags[i] = slots_[i].computed;
  group_.all_reduce_max(computed);
  if (sharding_ == Sharding::kNone && !sums_for_all())
    for (Bucket& bucket : buckets_) {
      bucket.work.wait();
      if (bucket.trainable) bucket.work = machine_.broadcast_async(sent(bucket), bucket.owner);
    }
  for (Bucket& bucket : buckets_) {
    bucket.work.wait();
    const bool owned = sharding_ == Sharding::kNone || bucket.owner == machine_.rank();
    if (owned && bucket.rounded.defined()) bucket.gradients.copy_(bucket.rounded);
    bucket.rounded = Tensor();
    for (const size_t i : bucket.tensors) {
      slots_[i].tensor.mutable_grad() = owned && flags[i] ? view_of(bucket.gradients, slots_[i]) : Tensor();
      slots_[i].computed = false;
    }
    if (sharding_ == Sharding::kGradients && !owned) bucket.gradients = Tensor();
  }
  reducing_ = false;
}

Tensor DataParallel::norm(const Tensor& own_norms) const {
  if (sharding_ != Sharding::kNone) machine_.all_reduce(own_norms);
  return own_norms.to(at::kDouble).norm();
}

void DataParallel::broadcast_weights() {
  if (sharding_ == Sharding::kNone) return;
  for (Bucket& bucket : buckets_) bucket.work = machine_.broadcast_async(bucket.values, bucket.owner);
  for (Bucket& bucket : buckets_) bucket.work.wait();
}

}  // namespace fourm
