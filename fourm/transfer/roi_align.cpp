#include "fourm/transfer/roi_align.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/parallel.h"

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

// A bin along one axis: positions of the map and what each weighs in the mean over the samples. Those of a bin of a box are the
// products of its rows and columns.
using AxisBin = std::vector<std::pair<int64_t, double>>;

// The bins of [begin, end) on an axis of `extent` positions. A sample more than a position outside the map counts 0.
std::vector<AxisBin> axis_bins(double begin, double end, int64_t extent, int64_t bins, int64_t samples) {
  const double length = (end - begin) / static_cast<double>(bins);
  const int64_t n = samples > 0 ? samples : std::max<int64_t>(0, static_cast<int64_t>(std::ceil(length)));
  std::vector<AxisBin> result(static_cast<size_t>(bins));
  for (int64_t bin = 0; bin < bins; ++bin) {
    AxisBin& own = result[bin];
    const auto add = [&](int64_t position, double weight) {
      if (weight == 0) return;
      if (own.empty() || own.back().first < position)
        own.emplace_back(position, weight);
      else  // positions rise by at most one from sample to sample, and fall back by one
        own[own.size() - (own.back().first == position ? 1 : 2)].second += weight;
    };
    for (int64_t i = 0; i < n; ++i) {
      const double at =
          begin + static_cast<double>(bin) * length + (static_cast<double>(i) + 0.5) * length / static_cast<double>(n);
      if (at < -1 || at > static_cast<double>(extent)) continue;
      const double inside = std::clamp(at, 0.0, static_cast<double>(extent - 1));
      const auto low = std::min(static_cast<int64_t>(inside), extent - 1);
      const double rest = inside - static_cast<double>(low);
      add(low, (1 - rest) / static_cast<double>(n));
      add(low + 1, rest / static_cast<double>(n));
    }
  }
  return result;
}

void add_box(Bags& bags, const float* box, double stride, int64_t first, const Place& place, int64_t bins,
             int64_t samples) {
  const auto bins_of = [&](float begin, float end, int64_t extent) {
    return axis_bins(begin / stride - 0.5, end / stride - 0.5, extent, bins, samples);
  };
  const auto rows = bins_of(box[1], box[3], place.height), columns = bins_of(box[0], box[2], place.width);
  for (const AxisBin& row : rows)
    for (const AxisBin& column : columns) {
      bags.offsets.push_back(static_cast<int64_t>(bags.rows.size()));
      for (const auto& [y, weight_y] : row)
        for (const auto& [x, weight_x] : column) {
          bags.rows.push_back(first + y * place.width + x);
          bags.weights.push_back(static_cast<float>(weight_y * weight_x));
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

Tensor crop_masks(const Tensor& masks, const Tensor& boxes, const std::vector<int64_t>& objects, int64_t bins) {
  const int64_t height = masks.size(1), width = masks.size(2), n = boxes.size(0);
  const Tensor corners = boxes.detach().to(at::kCPU, at::kFloat).contiguous(), bytes = masks.contiguous();
  Tensor cropped = at::empty({n, bins, bins}, at::kFloat);
  const auto* pixels = bytes.data_ptr<uint8_t>();
  auto* out = cropped.data_ptr<float>();
  const auto* box = corners.data_ptr<float>();
  parallel_for(n, [&](int64_t i) {
    const float* b = box + 4 * i;
    const auto rows = axis_bins(b[1] - 0.5, b[3] - 0.5, height, bins, 0);
    const auto columns = axis_bins(b[0] - 0.5, b[2] - 0.5, width, bins, 0);
    const uint8_t* mask = pixels + objects[i] * height * width;
    for (int64_t r = 0; r < bins; ++r)
      for (int64_t c = 0; c < bins; ++c) {
        double sum = 0;
        for (const auto& [y, weight_y] : rows[r])
          for (const auto& [x, weight_x] : columns[c]) sum += weight_y * weight_x * mask[y * width + x];
        out[(i * bins + r) * bins + c] = sum >= 0.5 ? 1 : 0;
      }
  });
  return cropped;
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
