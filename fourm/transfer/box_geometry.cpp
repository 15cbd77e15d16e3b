#include "fourm/transfer/box_geometry.h"

#include <algorithm>
#include <cmath>

namespace fourm {
namespace {

Tensor areas(const Tensor& boxes) {
  return (boxes.select(1, 2) - boxes.select(1, 0)) * (boxes.select(1, 3) - boxes.select(1, 1));
}

// [N, 4]: centres and sizes.
struct Centred {
  Tensor x, y, width, height;
  explicit Centred(const Tensor& boxes)
      : width(boxes.select(1, 2) - boxes.select(1, 0)), height(boxes.select(1, 3) - boxes.select(1, 1)) {
    x = boxes.select(1, 0) + width / 2;
    y = boxes.select(1, 1) + height / 2;
  }
};

const double kMostGrowth = std::log(1000.0 / 16);

}  // namespace

Tensor box_iou(const Tensor& a, const Tensor& b) {
  const Tensor low = at::max(a.unsqueeze(1).slice(2, 0, 2), b.unsqueeze(0).slice(2, 0, 2));
  const Tensor high = at::min(a.unsqueeze(1).slice(2, 2), b.unsqueeze(0).slice(2, 2));
  const Tensor sides = (high - low).clamp_min(0), both = sides.select(2, 0) * sides.select(2, 1);
  return both / (areas(a).unsqueeze(1) + areas(b).unsqueeze(0) - both).clamp_min(1e-12);
}

std::vector<int64_t> non_maximum_suppression(const Tensor& boxes, const Tensor& scores, double threshold) {
  const Tensor order = std::get<1>(scores.to(at::kCPU).sort(/*stable=*/true, 0, /*descending=*/true)).contiguous();
  const Tensor on_cpu = boxes.to(at::kCPU, at::kFloat).contiguous();
  const int64_t n = order.size(0);
  const auto* rank = order.data_ptr<int64_t>();
  const auto* corners = on_cpu.data_ptr<float>();
  std::vector<bool> gone(static_cast<size_t>(n), false);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < n; ++i) {
    if (gone[rank[i]]) continue;
    kept.push_back(rank[i]);
    const float* a = corners + 4 * rank[i];
    const float area = (a[2] - a[0]) * (a[3] - a[1]);
    for (int64_t j = i + 1; j < n; ++j) {
      const float* b = corners + 4 * rank[j];
      const float width = std::max(0.0F, std::min(a[2], b[2]) - std::max(a[0], b[0]));
      const float height = std::max(0.0F, std::min(a[3], b[3]) - std::max(a[1], b[1]));
      const float both = width * height;
      if (both / (area + (b[2] - b[0]) * (b[3] - b[1]) - both) > static_cast<float>(threshold)) gone[rank[j]] = true;
    }
  }
  return kept;
}

std::vector<int64_t> non_maximum_suppression(const Tensor& boxes, const Tensor& scores, const Tensor& classes,
                                             double threshold) {
  if (boxes.size(0) == 0) return {};
  // Classes lie apart, so that their boxes do not overlap.
  const Tensor apart =
      boxes.to(at::kDouble) + (classes.to(at::kDouble) * (boxes.max().to(at::kDouble) + 1)).unsqueeze(1);
  return non_maximum_suppression(apart, scores, threshold);
}

Tensor encode_boxes(const Tensor& anchors, const Tensor& boxes, const BoxWeights& weights) {
  const Centred a(anchors), b(boxes);
  return at::stack({(b.x - a.x) / a.width * weights[0], (b.y - a.y) / a.height * weights[1],
                    (b.width / a.width).log() * weights[2], (b.height / a.height).log() * weights[3]},
                   1);
}

Tensor decode_boxes(const Tensor& anchors, const Tensor& deltas, const BoxWeights& weights) {
  const Centred a(anchors);
  const auto delta = [&](int64_t i) { return deltas.select(1, i) / weights[i]; };
  const Tensor x = delta(0) * a.width + a.x, y = delta(1) * a.height + a.y;
  const Tensor half_width = delta(2).clamp_max(kMostGrowth).exp() * a.width / 2;
  const Tensor half_height = delta(3).clamp_max(kMostGrowth).exp() * a.height / 2;
  return at::stack({x - half_width, y - half_height, x + half_width, y + half_height}, 1);
}

Tensor clipped_boxes(const Tensor& boxes, double size) { return boxes.clamp(0, size); }

}  // namespace fourm
