#include "fourm/transfer/roi_align.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"

namespace fourm {
namespace {

// Rows of a table with weights, of which each bin is the sum: an embedding bag, whose gradients LibTorch has.
struct Bags {
  std::vector<int64_t> rows, offsets;
  std::vector<float> weights;
};

// Where the maps of a level begin in the table, and their size.
struct Place {
  int64_t first, height, width;
};

// Adds the bilinear value at (x, y) of a map, times `weight`. Beyond a pixel outside the map it is 0.
void add_sample(Bags& bags, int64_t first, const Place& place, double y, double x, double weight) {
  const auto height = static_cast<double>(place.height), width = static_cast<double>(place.width);
  if (y < -1 || y > height || x < -1 || x > width) return;
  y = std::max(0.0, y), x = std::max(0.0, x);
  auto y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x);
  int64_t y1 = y0 + 1, x1 = x0 + 1;
  if (y0 >= place.height - 1) y0 = y1 = place.height - 1, y = static_cast<double>(y0);
  if (x0 >= place.width - 1) x0 = x1 = place.width - 1, x = static_cast<double>(x0);
  const double dy = y - static_cast<double>(y0), dx = x - static_cast<double>(x0);
  const auto add = [&](int64_t row, int64_t column, double share) {
    if (share == 0) return;
    bags.rows.push_back(first + row * place.width + column);
    bags.weights.push_back(static_cast<float>(share * weight));
  };
  add(y0, x0, (1 - dy) * (1 - dx));
  add(y0, x1, (1 - dy) * dx);
  add(y1, x0, dy * (1 - dx));
  add(y1, x1, dy * dx);
}

void add_box(Bags& bags, const float* box, double stride, int64_t first, const Place& place, int64_t bins,
             int64_t samples) {
  const double left = box[0] / stride - 0.5, top = box[1] / stride - 0.5;
  const double bin_width = (box[2] - box[0]) / stride / static_cast<double>(bins);
  const double bin_height = (box[3] - box[1]) / stride / static_cast<double>(bins);
  const auto count = [&](double extent) {
    return samples > 0 ? samples : std::max<int64_t>(0, static_cast<int64_t>(std::ceil(extent)));
  };
  const int64_t down = count(bin_height), across = count(bin_width);
  const double weight = 1.0 / static_cast<double>(std::max<int64_t>(1, down * across));
  for (int64_t by = 0; by < bins; ++by)
    for (int64_t bx = 0; bx < bins; ++bx) {
      bags.offsets.push_back(static_cast<int64_t>(bags.rows.size()));
      for (int64_t iy = 0; iy < down; ++iy)
        for (int64_t ix = 0; ix < across; ++ix) {
          const auto at = [](double begin, int64_t bin, double extent, int64_t i, int64_t n) {
            return begin + static_cast<double>(bin) * extent +
                   (static_cast<double>(i) + 0.5) * extent / static_cast<double>(n);
          };
          add_sample(bags, first, place, at(top, by, bin_height, iy, down), at(left, bx, bin_width, ix, across),
                     weight);
        }
    }
}

}  // namespace

Tensor roi_align(const std::vector<PyramidLevel>& pyramid, const Tensor& boxes, const std::vector<int64_t>& images,
                 const std::vector<int64_t>& levels, int64_t bins, int64_t samples) {
  const int64_t channels = pyramid[0].map.size(1), n = boxes.size(0);
  check(static_cast<int64_t>(images.size()) == n && static_cast<int64_t>(levels.size()) == n, "[roi_align] ", n,
        " boxes of ", images.size(), " images on ", levels.size(), " levels");
  const auto options = pyramid[0].map.options();
  if (n == 0) return at::zeros({0, channels, bins, bins}, options);
  std::vector<Tensor> tables;
  std::vector<Place> places;
  int64_t rows = 0;
  for (const auto& level : pyramid) {
    places.push_back({rows, level.map.size(2), level.map.size(3)});
    tables.push_back(level.map.permute({0, 2, 3, 1}).reshape({-1, channels}));
    rows += tables.back().size(0);
  }
  const Tensor corners = boxes.detach().to(at::kCPU, at::kFloat).contiguous();
  Bags bags;
  for (int64_t i = 0; i < n; ++i) {
    const Place& place = places.at(static_cast<size_t>(levels[i]));
    add_box(bags, corners.data_ptr<float>() + 4 * i, pyramid[levels[i]].stride,
            place.first + images[i] * place.height * place.width, place, bins, samples);
  }
  const auto to_device = [&](const Tensor& x) { return x.to(options.device()); };
  const Tensor sums = std::get<0>(at::embedding_bag(at::cat(tables), to_device(at::tensor(bags.rows, at::kLong)),
                                                    to_device(at::tensor(bags.offsets, at::kLong)),
                                                    /*scale_grad_by_freq=*/false, /*mode=*/0, /*sparse=*/false,
                                                    to_device(at::tensor(bags.weights)).to(options.dtype())));
  return sums.view({n, bins, bins, channels}).permute({0, 3, 1, 2});
}

std::vector<int64_t> pyramid_levels(const Tensor& boxes, const std::vector<PyramidLevel>& pyramid, double canonical) {
  const Tensor corners = boxes.detach().to(at::kCPU, at::kFloat).contiguous();
  const auto* box = corners.data_ptr<float>();
  const auto last = static_cast<double>(pyramid.size()) - 1;
  const double of_sixteen = 4 - std::log2(pyramid[0].stride);
  std::vector<int64_t> levels;
  for (int64_t i = 0; i < boxes.size(0); ++i, box += 4) {
    const double size = std::sqrt(std::max(0.0F, box[2] - box[0]) * std::max(0.0F, box[3] - box[1]));
    const double level = std::floor(of_sixteen + std::log2(size / canonical + 1e-8));
    levels.push_back(static_cast<int64_t>(std::clamp(level, 0.0, last)));
  }
  return levels;
}

}  // namespace fourm
