#include "fourm/kernels/attention_layout.h"

#include "fourm/core/error.h"

namespace fourm {

AttentionLayout AttentionLayout::within(const std::vector<int64_t>& lengths) { return across(lengths, lengths); }

AttentionLayout AttentionLayout::across(const std::vector<int64_t>& query_lengths,
                                        const std::vector<int64_t>& key_lengths) {
  check(query_lengths.size() == key_lengths.size(), "[AttentionLayout] ", query_lengths.size(), " query runs but ",
        key_lengths.size(), " key runs");
  AttentionLayout layout;
  int64_t q = 0, k = 0;
  for (size_t i = 0; i < query_lengths.size(); ++i) {
    layout.segments.push_back({q, q + query_lengths[i], k, k + key_lengths[i]});
    q += query_lengths[i];
    k += key_lengths[i];
  }
  return layout;
}

AttentionLayout AttentionLayout::part(int64_t q_begin, int64_t q_end, int64_t k_begin) const {
  AttentionLayout layout;
  for (const Segment& s : segments)
    if (s.q_begin >= q_begin && s.q_end <= q_end && s.q_begin < s.q_end)
      layout.segments.push_back({s.q_begin - q_begin, s.q_end - q_begin, s.k_begin - k_begin, s.k_end - k_begin});
  if (!visible.empty()) layout.visible.assign(visible.begin() + q_begin, visible.begin() + q_end);
  return layout;
}

double attention_operations(const AttentionLayout& layout, int64_t width) {
  double pairs = 0;
  for (const auto& s : layout.segments) pairs += static_cast<double>((s.q_end - s.q_begin) * (s.k_end - s.k_begin));
  return 4 * pairs * static_cast<double>(width);
}

}  // namespace fourm
