#include "fourm/kernels/aten/attention.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/kernels/device.h"
#include "fourm/kernels/operation_count.h"
#include "fourm/kernels/upload.h"

namespace fourm {

std::vector<AttentionCall> attention_calls(const AttentionLayout& layout) {
  std::vector<AttentionCall> calls(2);
  calls[1].causal = true;
  const auto add = [&](int64_t q_begin, int64_t q_end, int64_t k_begin, int64_t k_end, bool causal) {
    if (q_begin == q_end || k_begin == k_end) return;
    AttentionCall& call = calls[causal];
    for (int64_t i = q_begin; i < q_end; ++i) call.q_rows.push_back(i);
    for (int64_t i = k_begin; i < k_end; ++i) call.k_rows.push_back(i);
    call.cu_seqlens_q.push_back(static_cast<int32_t>(call.q_rows.size()));
    call.cu_seqlens_k.push_back(static_cast<int32_t>(call.k_rows.size()));
    call.max_seqlen_q = std::max(call.max_seqlen_q, q_end - q_begin);
    call.max_seqlen_k = std::max(call.max_seqlen_k, k_end - k_begin);
  };
  const auto& visible = layout.visible;
  for (const auto& s : layout.segments) {
    if (visible.empty()) {
      add(s.q_begin, s.q_end, s.k_begin, s.k_end, false);
      continue;
    }
    for (int64_t i = s.q_begin; i < s.q_end;) {
      const int32_t step = i + 1 < s.q_end ? visible[i + 1] - visible[i] : 0;
      int64_t end = i + 1;
      if (step == 0 || step == 1)
        while (end < s.q_end && visible[end] - visible[end - 1] == step) ++end;
      add(i, end, s.k_begin, s.k_begin + visible[end - 1], end - i > 1 && step == 1);
      i = end;
    }
  }
  std::erase_if(calls, [](const AttentionCall& call) { return call.q_rows.empty(); });
  return calls;
}

struct AttentionPlan {
  struct Call {
    bool causal;
    int64_t max_seqlen_q, max_seqlen_k;
    Tensor cu_seqlens_q, cu_seqlens_k;  // int32
    Tensor q_rows, k_rows;              // undefined: all rows in order
  };
  std::vector<Call> calls;
  Tensor order;                   // where each query's result is among those of all calls; undefined: in order
  int64_t queries = 0, keys = 0;  // rows that it was made for
  // One call of equally long runs: as many of them, the rows of each.
  int64_t runs = 0, run_q = 0, run_k = 0;
};

namespace {

bool is_all_in_order(const std::vector<int64_t>& rows, int64_t count) {
  if (static_cast<int64_t>(rows.size()) != count) return false;
  for (int64_t i = 0; i < count; ++i)
    if (rows[i] != i) return false;
  return true;
}

// The length of all runs; 0 when they differ.
int64_t equal_length(const std::vector<int32_t>& ends) {
  for (size_t i = 2; i < ends.size(); ++i)
    if (ends[i] - ends[i - 1] != ends[1]) return 0;
  return ends[1];
}

AttentionPlan plan_of(const AttentionLayout& layout, int64_t queries, int64_t keys) {
  AttentionPlan plan;
  plan.queries = queries, plan.keys = keys;
  const std::vector<AttentionCall> calls = attention_calls(layout);
  std::vector<int64_t> order(static_cast<size_t>(queries), -1);
  int64_t next = 0;
  for (const AttentionCall& call : calls) {
    const bool all_q = is_all_in_order(call.q_rows, queries), all_k = is_all_in_order(call.k_rows, keys);
    plan.calls.push_back({call.causal, call.max_seqlen_q, call.max_seqlen_k, to_tensor(call.cu_seqlens_q),
                          to_tensor(call.cu_seqlens_k), all_q ? Tensor() : to_tensor(call.q_rows),
                          all_k ? Tensor() : to_tensor(call.k_rows)});
    for (const int64_t row : call.q_rows) order[row] = next++;
  }
  if (plan.calls.size() == 1 && !plan.calls[0].q_rows.defined()) {
    plan.run_q = equal_length(calls[0].cu_seqlens_q), plan.run_k = equal_length(calls[0].cu_seqlens_k);
    if (!plan.calls[0].causal && !plan.calls[0].k_rows.defined() && plan.run_q > 0 && plan.run_k > 0)
      plan.runs = static_cast<int64_t>(calls[0].cu_seqlens_q.size()) - 1;
    return plan;
  }
  for (int64_t& row : order)
    if (row < 0) row = next;  // a row of zeros follows all results
  plan.order = to_tensor(order);
  return plan;
}

Tensor chosen(const Tensor& x, const Tensor& rows) { return rows.defined() ? x.index_select(0, rows) : x; }

enum class FusedKernel { kFlash, kEfficient };

using Call = AttentionPlan::Call;

Tensor run_call(FusedKernel kernel, const Call& call, const Tensor& q, const Tensor& k, const Tensor& v) {
  if (kernel == FusedKernel::kFlash)
    return std::get<0>(at::_flash_attention_forward(q, k, v, call.cu_seqlens_q, call.cu_seqlens_k, call.max_seqlen_q,
                                                    call.max_seqlen_k,
                                                    /*dropout_p=*/0.0, call.causal, /*return_debug_mask=*/false));
  constexpr int64_t kNoMask = 0, kCausalFromBottomRight = 2;
  return std::get<0>(at::_efficient_attention_forward(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), {},
                                                      call.cu_seqlens_q, call.cu_seqlens_k, call.max_seqlen_q,
                                                      call.max_seqlen_k, /*dropout_p=*/0.0,
                                                      call.causal ? kCausalFromBottomRight : kNoMask,
                                                      /*compute_log_sumexp=*/c10::GradMode::is_enabled()))
      .squeeze(0);
}

// Whether the kernel runs on the device with this type: old GPUs lack some, and LibTorch's operators for them are private.
bool works(FusedKernel kernel, at::Device device, at::ScalarType type) {
  static std::mutex mutex;
  static std::map<std::tuple<FusedKernel, at::DeviceType, int, at::ScalarType>, bool> known;
  const std::lock_guard lock(mutex);
  const auto [found, added] = known.try_emplace({kernel, device.type(), device.index(), type}, false);
  if (!added) return found->second;
  try {
    const InferenceGuard inference;
    const Tensor x = at::ones({3, 1, 16}, at::TensorOptions(type).device(device)),
                 ends = to_tensor<int32_t>({0, 1, 3}).to(device);
    const Tensor y = run_call(kernel, {false, 2, 2, ends, ends, {}, {}}, x, x, x);
    found->second = at::allclose(y.to(at::kCPU, at::kFloat), at::ones(y.sizes()), 0.01);
  } catch (const c10::OutOfMemoryError&) {
    known.erase(found);
    throw;
  } catch (const std::exception&) {
  }
  if (!found->second)
    note(device_name(device), ": LibTorch's ",
         kernel == FusedKernel::kFlash ? "FlashAttention" : "memory-efficient attention", " does not work with ",
         at::toString(type), "; another kernel is used");
  return found->second;
}

std::optional<FusedKernel> kernel_for(const Tensor& q) {
  if (q.is_cpu()) return std::nullopt;
  const at::ScalarType type = q.scalar_type();
  const bool narrow = type == at::kBFloat16 || type == at::kHalf;
  const int64_t width = q.size(2);
  if (narrow && width % 8 == 0 && width <= 256 && works(FusedKernel::kFlash, q.device(), type))
    return FusedKernel::kFlash;
  const int64_t aligned = narrow ? 8 : 4;
  if ((narrow || type == at::kFloat) && width % aligned == 0 && works(FusedKernel::kEfficient, q.device(), type))
    return FusedKernel::kEfficient;
  return std::nullopt;
}

}  // namespace

void plan_attention(AttentionLayout& layout, int64_t queries, int64_t keys, std::vector<Tensor*>& uploads) {
  const auto plan = std::make_shared<AttentionPlan>(plan_of(layout, queries, keys));
  for (Call& call : plan->calls)
    uploads.insert(uploads.end(), {&call.cu_seqlens_q, &call.cu_seqlens_k, &call.q_rows, &call.k_rows});
  uploads.push_back(&plan->order);
  layout.plan = plan;
}

Tensor aten_attention(const Tensor& queries, const Tensor& keys, const Tensor& values, const AttentionLayout& layout,
                      at::ScalarType type) {
  check(queries.dim() == 3 && keys.dim() == 3 && queries.size(1) == keys.size(1) && queries.size(2) == keys.size(2) &&
            keys.sizes() == values.sizes(),
        "[attention] q ", queries.sizes(), ", k ", keys.sizes(), ", v ", values.sizes(), " do not fit");
  const Tensor q = as_type(queries, type), k = as_type(keys, type), v = as_type(values, type);
  if (!layout.plan || layout.plan->queries != q.size(0) || layout.plan->keys != k.size(0)) {
    AttentionLayout planned = layout;
    std::vector<Tensor*> uploads;
    plan_attention(planned, q.size(0), k.size(0), uploads);
    upload(uploads, q.device());
    layout.plan = planned.plan;
  }
  const AttentionPlan& plan = *layout.plan;
  count_operations("fourm::attention", attention_operations(layout, q.size(1) * q.size(2)));
  if (plan.runs > 0) {
    const auto batched = [&](const Tensor& x, int64_t rows) {
      return x.unflatten(0, {plan.runs, rows}).transpose(1, 2);  // [B, H, rows, hd]
    };
    return at::scaled_dot_product_attention(batched(q, plan.run_q), batched(k, plan.run_k), batched(v, plan.run_k))
        .transpose(1, 2)
        .flatten(0, 1);
  }
  const auto kernel = kernel_for(q);
  // Without calls nothing is seen; the zeros still have a graph.
  if (!kernel || plan.calls.empty()) return dense_attention(q, k, v, layout);
  std::vector<Tensor> results;
  for (const Call& call : plan.calls)
    results.push_back(run_call(*kernel, call, chosen(q, call.q_rows), chosen(k, call.k_rows), chosen(v, call.k_rows)));
  if (!plan.order.defined()) return results[0];
  results.push_back(at::zeros({1, q.size(1), q.size(2)}, q.options()));
  return at::cat(results).index_select(0, plan.order);
}

Tensor dense_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) {
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(2)));
  std::vector<Tensor> results;
  int64_t next = 0;
  for (const auto& s : layout.segments) {
    check(s.q_begin == next, "[attention] the segments of a layout must be in order");
    next = s.q_end;
    const Tensor rows = q.slice(0, s.q_begin, s.q_end).transpose(0, 1);  // [H, n, hd]
    const auto seen = [&](const Tensor& x) { return x.slice(0, s.k_begin, s.k_end).transpose(0, 1); };
    Tensor scores = at::matmul(rows, seen(k).transpose(1, 2)) * scale;  // [H, n, m]
    if (!layout.visible.empty()) {
      const auto limits = at::ArrayRef<int32_t>(layout.visible).slice(s.q_begin, s.q_end - s.q_begin);
      const Tensor key = at::arange(s.k_end - s.k_begin, at::TensorOptions(at::kInt).device(q.device()));
      scores =
          scores.masked_fill(key.unsqueeze(0).ge(at::tensor(limits, at::kInt).to(q.device()).unsqueeze(1)), -INFINITY);
    }
    const Tensor weights = at::nan_to_num(at::softmax(scores, -1), 0.0);
    results.push_back(at::matmul(weights, seen(v)).transpose(0, 1));
  }
  return results.empty() ? at::zeros_like(q) : at::cat(results);
}

}  // namespace fourm
