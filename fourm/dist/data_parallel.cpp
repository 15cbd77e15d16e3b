#include "fourm/dist/data_parallel.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

namespace fourm {

std::vector<BucketPlan> plan_buckets(const std::vector<int64_t>& numbers, int64_t processes, int64_t bytes) {
  std::vector<BucketPlan> buckets;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (buckets.empty() || (buckets.back().numbers + numbers[i]) * 4 > bytes) buckets.emplace_back();
    buckets.back().tensors.push_back(i);
    buckets.back().numbers += numbers[i];
  }
  std::vector<int64_t> owned(processes);
  for (BucketPlan& bucket : buckets) {
    bucket.owner = std::min_element(owned.begin(), owned.end()) - owned.begin();
    owned[bucket.owner] += bucket.numbers;
  }
  return buckets;
}

struct DataParallel::Hook : torch::autograd::PostAccumulateGradHook {
  Hook(DataParallel& o, size_t i) : owner(o), index(i) {}
  void operator()(const torch::autograd::Variable&) override { owner.collect(index); }
  DataParallel& owner;
  size_t index;
};

DataParallel::DataParallel(const Parameters& parameters, const ProcessGroup& group, Sharding sharding, bool in_bf16,
                           int64_t bucket_bytes)
    : group_(group), sharding_(sharding), in_bf16_(in_bf16) {
  if (group_.size() == 1) return;
  make_buckets(parameters, bucket_bytes);
  for (size_t i = 0; i < places_.size(); ++i)
    torch::autograd::impl::set_post_acc_grad_hooks(places_[i].tensor, std::make_unique<Hook>(*this, i));
}

DataParallel::~DataParallel() {
  for (const Place& place : places_) torch::autograd::impl::set_post_acc_grad_hooks(place.tensor, nullptr);
}

void DataParallel::make_buckets(const Parameters& parameters, int64_t bytes) {
  const auto& entries = parameters.entries();
  std::vector<int64_t> numbers;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const Tensor& tensor = entry->value;
    if (!tensor.requires_grad()) continue;
    check(tensor.scalar_type() == at::kFloat && tensor.is_non_overlapping_and_dense(), entry->name,
          ": weights that are trained should be float32 and dense");
    index_[tensor.unsafeGetTensorImpl()] = places_.size();
    places_.push_back({tensor, 0, 0});
    numbers.push_back(tensor.numel());
  }
  for (const BucketPlan& plan : plan_buckets(numbers, group_.size(), bytes)) {
    int64_t begin = 0;
    for (const size_t i : plan.tensors) {
      places_[i].bucket = buckets_.size();
      places_[i].begin = begin;
      begin += numbers[i];
    }
    buckets_.emplace_back().BucketPlan::operator=(plan);
  }
  if (sharding_ == Sharding::kNone) return;
  const NoGradGuard no_grad;
  for (Bucket& bucket : buckets_) {
    bucket.values = at::empty({bucket.numbers}, places_[bucket.tensors[0]].tensor.options().requires_grad(false));
    for (const size_t i : bucket.tensors) {
      const Tensor home = part(bucket.values, places_[i]);
      home.copy_(places_[i].tensor.detach());
      places_[i].tensor.set_data(home);
    }
  }
}

Tensor DataParallel::part(const Tensor& flat, const Place& place) const {
  return flat.as_strided(place.tensor.sizes(), place.tensor.strides(), flat.storage_offset() + place.begin);
}

bool DataParallel::owns(const Tensor& tensor) const {
  const auto place = index_.find(tensor.unsafeGetTensorImpl());
  if (sharding_ == Sharding::kNone || place == index_.end()) return true;
  return buckets_[places_[place->second].bucket].owner == group_.rank();
}

// The tensors whose gradients the graph of a loss computes.
std::unordered_set<size_t> DataParallel::in_graph(const Tensor& loss) const {
  std::unordered_set<size_t> found;
  std::unordered_set<torch::autograd::Node*> seen;
  std::vector<torch::autograd::Node*> open{loss.grad_fn().get()};
  while (!open.empty()) {
    auto* node = open.back();
    open.pop_back();
    if (!node || !seen.insert(node).second) continue;
    if (auto* leaf = dynamic_cast<torch::autograd::AccumulateGrad*>(node))
      if (const auto place = index_.find(leaf->variable.unsafeGetTensorImpl()); place != index_.end())
        found.insert(place->second);
    for (const auto& edge : node->next_edges()) open.push_back(edge.function.get());
  }
  return found;
}

void DataParallel::learning_changed() {
  for (Bucket& bucket : buckets_)
    bucket.learns = std::any_of(bucket.tensors.begin(), bucket.tensors.end(),
                                [&](size_t i) { return places_[i].tensor.requires_grad(); });
  for (Place& place : places_) place.hidden = place.times = 0;
  passes_ = 0;
}

void DataParallel::before_backward(const Tensor& loss, bool last) {
  if (places_.empty()) return;
  for (size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    if (!shown_.contains(i)) place.hidden = std::max(place.hidden, place.times);
    place.times = 0;
  }
  shown_ = in_graph(loss);
  sending_ = last;
  sent_ = 0;
  for (Bucket& bucket : buckets_) {
    bucket.missing = 0;
    for (const size_t i : bucket.tensors)
      bucket.missing += places_[i].expected = shown_.contains(i) ? 1 : places_[i].hidden;
  }
  // Until a backward pass is done, what graphs hide is not known: any gradient may still come.
  if (sending_ && ++passes_ > 1) send_complete(false);
}

// The gradient of a tensor was computed, or more of it: it moves into its bucket.
void DataParallel::collect(size_t index) {
  Place& place = places_[index];
  Bucket& bucket = buckets_[place.bucket];
  check(!sending_ || place.bucket >= sent_, "[DataParallel] a gradient was computed after its bucket was sent");
  if (!place.computed) {
    const NoGradGuard no_grad;
    if (!bucket.gradients.defined())
      bucket.gradients = at::empty({bucket.numbers}, place.tensor.options().requires_grad(false));
    Tensor& gradient = place.tensor.mutable_grad();
    const Tensor home = part(bucket.gradients, place);
    home.copy_(gradient);
    gradient = home;
    place.computed = true;
  }
  if (++place.times > place.expected) return;
  --bucket.missing;
  if (sending_ && passes_ > 1) send_complete(false);
}

// Sends the buckets that are complete, up to the first that is not; or all.
void DataParallel::send_complete(bool all) {
  const NoGradGuard no_grad;
  for (; sent_ < buckets_.size() && (all || buckets_[sent_].missing == 0); ++sent_) {
    Bucket& bucket = buckets_[sent_];
    if (!bucket.learns) continue;
    if (!bucket.gradients.defined())
      bucket.gradients = at::empty({bucket.numbers}, places_[bucket.tensors[0]].tensor.options().requires_grad(false));
    for (const size_t i : bucket.tensors)
      if (!places_[i].computed) part(bucket.gradients, places_[i]).zero_();
    if (in_bf16_) bucket.rounded = bucket.gradients.to(at::kBFloat16);
    const Tensor& sent = in_bf16_ ? bucket.rounded : bucket.gradients;
    bucket.exchange = sharding_ == Sharding::kNone ? group_.start_sum(sent) : group_.start_sum_at(sent, bucket.owner);
  }
}

void DataParallel::finish_gradients() {
  if (places_.empty()) return;
  send_complete(true);
  const Tensor computed = at::zeros({static_cast<int64_t>(places_.size())}, at::kByte);
  auto* flags = computed.mutable_data_ptr<uint8_t>();
  for (size_t i = 0; i < places_.size(); ++i) flags[i] = places_[i].computed;
  group_.max(computed);
  for (Bucket& bucket : buckets_) {
    bucket.exchange.wait();
    const bool owned = sharding_ == Sharding::kNone || bucket.owner == group_.rank();
    if (owned && bucket.rounded.defined()) bucket.gradients.copy_(bucket.rounded);
    bucket.rounded = Tensor();
    for (const size_t i : bucket.tensors) {
      places_[i].tensor.mutable_grad() = owned && flags[i] ? part(bucket.gradients, places_[i]) : Tensor();
      places_[i].computed = false;
    }
    if (sharding_ == Sharding::kGradients && !owned) bucket.gradients = Tensor();
  }
  sending_ = false;
}

Tensor DataParallel::norm(const Tensor& own_norms) const {
  if (sharding_ != Sharding::kNone) group_.sum(own_norms);
  return own_norms.to(at::kDouble).norm();
}

void DataParallel::share_weights() {
  if (sharding_ == Sharding::kNone) return;
  for (Bucket& bucket : buckets_) bucket.exchange = group_.start_broadcast(bucket.values, bucket.owner);
  for (Bucket& bucket : buckets_) bucket.exchange.wait();
}

}  // namespace fourm
