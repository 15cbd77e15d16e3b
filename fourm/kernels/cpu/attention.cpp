#include "fourm/kernels/cpu/attention.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/kernels/cpu/attention_kernel.h"
#include "fourm/kernels/operation_count.h"

namespace fourm {

namespace {

// Head rows need unit stride inside a row only; anything else is copied once.
Tensor with_unit_stride(const Tensor& x) { return x.stride(-1) == 1 ? x : x.contiguous(); }

template <class T>
HeadRows<T> head_rows(const Tensor& x, int64_t head) {
  auto* data = static_cast<std::remove_const_t<T>*>(x.data_ptr());
  return {data + head * x.stride(1), x.stride(0)};
}

template <class T>
HeadRows<T> from_row(HeadRows<T> rows, int64_t first) {
  return {rows.row(first), rows.stride};
}

// Calls body(segment, head) for all of them on ATen's threads; a thread is not woken for less than some microseconds.
template <class Body>
void for_each_head(const AttentionLayout& layout, int64_t heads, int64_t width, const Body& body) {
  const auto segments = static_cast<int64_t>(layout.segments.size()), units = segments * heads;
  int64_t work = 0;
  for (const auto& s : layout.segments) work += (s.q_end - s.q_begin + 1) * (s.k_end - s.k_begin) * width * heads;
  constexpr int64_t kLeast = 1 << 18;
  const int64_t grain = work > 0 ? std::max<int64_t>(kLeast * units / work, 1) : units + 1;
  at::parallel_for(0, units, grain, [&](int64_t begin, int64_t end) {  // each thread some heads of all segments
    for (int64_t unit = begin; unit < end; ++unit) body(layout.segments[unit % segments], unit / segments);
  });
}

HeadShape head_shape(const AttentionLayout& layout, const AttentionLayout::Segment& s, int64_t width) {
  return {s.q_end - s.q_begin, s.k_end - s.k_begin, width,
          layout.visible.empty() ? nullptr : layout.visible.data() + s.q_begin};
}

template <class T>
void run_forward(const AttentionLayout& layout, const Tensor& q, const Tensor& k, const Tensor& v, Tensor& out,
                 Tensor& lse) {
  const int64_t heads = q.size(1), width = q.size(2);
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(width)));
  for_each_head(layout, heads, width, [&](const AttentionLayout::Segment& s, int64_t h) {
    thread_local std::vector<T> scratch;
    attention_forward<T>(head_shape(layout, s, width), scale, from_row(head_rows<const T>(q, h), s.q_begin),
                         from_row(head_rows<const T>(k, h), s.k_begin), from_row(head_rows<const T>(v, h), s.k_begin),
                         from_row(head_rows<T>(out, h), s.q_begin), lse.data_ptr<T>() + s.q_begin * heads + h, heads,
                         scratch);
  });
}

template <class T>
void run_backward(const AttentionLayout& layout, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out,
                  const Tensor& lse, const Tensor& grad, Tensor& dq, Tensor& dk, Tensor& dv) {
  const int64_t heads = q.size(1), width = q.size(2);
  const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(width)));
  for_each_head(layout, heads, width, [&](const AttentionLayout::Segment& s, int64_t h) {
    thread_local std::vector<T> scratch;
    attention_backward<T>(head_shape(layout, s, width), scale, from_row(head_rows<const T>(q, h), s.q_begin),
                          from_row(head_rows<const T>(k, h), s.k_begin), from_row(head_rows<const T>(v, h), s.k_begin),
                          from_row(head_rows<const T>(out, h), s.q_begin),
                          from_row(head_rows<const T>(grad, h), s.q_begin), lse.data_ptr<T>() + s.q_begin * heads + h,
                          heads, from_row(head_rows<T>(dq, h), s.q_begin), from_row(head_rows<T>(dk, h), s.k_begin),
                          from_row(head_rows<T>(dv, h), s.k_begin), scratch);
  });
}

struct Forward {
  Tensor q, k, v, out, lse;
};

Forward forward(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) {
  count_operations("fourm::attention", attention_operations(layout, q.size(1) * q.size(2)));
  Forward f{with_unit_stride(q), with_unit_stride(k), with_unit_stride(v), at::empty(q.sizes(), q.options()),
            at::empty({q.size(0), q.size(1)}, q.options())};
  if (q.scalar_type() == at::kDouble)
    run_forward<double>(layout, f.q, f.k, f.v, f.out, f.lse);
  else
    run_forward<float>(layout, f.q, f.k, f.v, f.out, f.lse);
  return f;
}

struct PackedAttention : torch::autograd::Function<PackedAttention> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const std::shared_ptr<const AttentionLayout>& layout) {
    const Forward f = fourm::forward(q, k, v, *layout);
    context->save_for_backward({f.q, f.k, f.v, f.out, f.lse});
    context->saved_data["layout"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(layout));
    return f.out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grads) {
    const auto saved = context->get_saved_variables();
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    const auto capsule = context->saved_data["layout"].toCapsule();
    const AttentionLayout& layout = *static_cast<Holder*>(capsule.get())->layout;
    const Tensor grad = with_unit_stride(grads[0]);
    // Keys outside every segment get no gradient.
    Tensor dq = at::empty(q.sizes(), q.options()), dk = at::zeros(k.sizes(), k.options()),
           dv = at::zeros(v.sizes(), v.options());
    if (q.scalar_type() == at::kDouble)
      run_backward<double>(layout, q, k, v, out, lse, grad, dq, dk, dv);
    else
      run_backward<float>(layout, q, k, v, out, lse, grad, dq, dk, dv);
    return {dq, dk, dv, Tensor()};
  }

 private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<const AttentionLayout> l) : layout(std::move(l)) {}
    std::shared_ptr<const AttentionLayout> layout;
  };
};

}  // namespace

Tensor cpu_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionLayout& layout) {
  check(q.dim() == 3 && k.dim() == 3 && q.size(1) == k.size(1) && q.size(2) == k.size(2) && k.sizes() == v.sizes(),
        "[attention] q ", q.sizes(), ", k ", k.sizes(), ", v ", v.sizes(), " do not fit");
  const auto type = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const Tensor rows[] = {as_type(q, type), as_type(k, type), as_type(v, type)};
  if (!c10::GradMode::is_enabled()) return forward(rows[0], rows[1], rows[2], layout).out;
  return PackedAttention::apply(rows[0], rows[1], rows[2], std::make_shared<const AttentionLayout>(layout));
}

}  // namespace fourm
