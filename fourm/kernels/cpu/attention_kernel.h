// Attention of one head over one segment, on plain memory. The autograd function in attention.cpp runs many of them.
#pragma once

#include <cstdint>
#include <vector>

namespace fourm {

/// Rows of one head: row i starts at data + i * stride.
template <class T>
struct HeadRows {
  T* data;
  int64_t stride;
  T* row(int64_t i) const { return data + i * stride; }
};

/// `width` = head width hd; query row i attends to the first visible[i] keys (null: all of them). A row without keys gives 0.
struct HeadShape {
  int64_t queries, keys, width;
  const int32_t* visible;
};

/// out = softmax(q k^T * scale) v; lse[i * lse_stride] = log of the softmax denominator, for the backward pass.
template <class T>
void attention_forward(const HeadShape& shape, T scale, HeadRows<const T> q, HeadRows<const T> k, HeadRows<const T> v,
                       HeadRows<T> out, T* lse, int64_t lse_stride, std::vector<T>& scratch);

/// Gradients of q, k, v (written, not added to) from that of `out`.
template <class T>
void attention_backward(const HeadShape& shape, T scale, HeadRows<const T> q, HeadRows<const T> k, HeadRows<const T> v,
                        HeadRows<const T> out, HeadRows<const T> grad_out, const T* lse, int64_t lse_stride,
                        HeadRows<T> grad_q, HeadRows<T> grad_k, HeadRows<T> grad_v, std::vector<T>& scratch);

}  // namespace fourm
