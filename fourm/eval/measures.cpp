#include "fourm/eval/measures.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "fourm/core/error.h"

namespace fourm {
namespace {

template <class A, class B>
void check_same_size(const Raster<A>& a, const Raster<B>& b, const char* where) {
  check(a.width == b.width && a.height == b.height && a.channels == b.channels, where, " sizes differ: ", a.width, "x",
        a.height, "x", a.channels, " and ", b.width, "x", b.height, "x", b.channels);
}

}  // namespace

Summary summarise(const std::vector<double>& values) {
  Summary s{0, 0, static_cast<int64_t>(values.size())};
  if (values.empty()) return s;
  for (const double v : values) s.mean += v;
  s.mean /= static_cast<double>(values.size());
  double squares = 0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  const auto n = static_cast<double>(values.size());
  if (n > 1) s.half_width = 1.96 * std::sqrt(squares / (n - 1) / n);
  return s;
}

DepthErrors depth_errors(const Raster<float>& predicted, const Raster<float>& truth) {
  check_same_size(predicted, truth, "[depth_errors]");
  DepthErrors errors;
  int64_t n = 0;
  for (size_t i = 0; i < truth.pixels.size(); ++i) {
    const double t = truth.pixels[i], p = std::max<double>(predicted.pixels[i], 1e-6);
    if (!(t > 0) || !std::isfinite(t)) continue;
    errors.abs_rel += std::abs(p - t) / t;
    errors.delta1 += std::max(p / t, t / p) < 1.25;
    ++n;
  }
  if (n) {
    errors.abs_rel /= static_cast<double>(n);
    errors.delta1 /= static_cast<double>(n);
  }
  return errors;
}

double mean_angle(const Image& predicted, const Image& truth) {
  check_same_size(predicted, truth, "[mean_angle]");
  check(predicted.channels == 3, "[mean_angle] normals have 3 channels, got ", predicted.channels);
  double sum = 0;
  for (size_t i = 0; i < predicted.pixels.size(); i += 3) {
    double dot = 0, a = 0, b = 0;
    for (size_t c = 0; c < 3; ++c) {
      const double x = predicted.pixels[i + c] / 127.5 - 1, y = truth.pixels[i + c] / 127.5 - 1;
      dot += x * y;
      a += x * x;
      b += y * y;
    }
    sum += std::acos(std::clamp(dot / std::sqrt(std::max(a * b, 1e-12)), -1.0, 1.0));
  }
  return sum / (static_cast<double>(predicted.pixels.size()) / 3) * 180 / std::numbers::pi;
}

void Confusion::add(const Raster<uint8_t>& predicted, const Raster<uint8_t>& truth) {
  check_same_size(predicted, truth, "[Confusion]");
  for (size_t i = 0; i < truth.pixels.size(); ++i) {
    const int64_t t = truth.pixels[i], p = predicted.pixels[i];
    check(t < classes_ && p < classes_, "[Confusion] label ", std::max(t, p), " of ", classes_, " classes");
    ++counts_[static_cast<size_t>(t * classes_ + p)];
  }
}

std::vector<double> Confusion::iou() const {
  std::vector<double> result;
  for (int64_t c = 0; c < classes_; ++c) {
    int64_t truth = 0, predicted = 0;
    for (int64_t k = 0; k < classes_; ++k) {
      truth += counts_[static_cast<size_t>(c * classes_ + k)];
      predicted += counts_[static_cast<size_t>(k * classes_ + c)];
    }
    const int64_t both = counts_[static_cast<size_t>(c * classes_ + c)], either = truth + predicted - both;
    result.push_back(either ? static_cast<double>(both) / static_cast<double>(either) : -1);
  }
  return result;
}

double Confusion::mean_iou() const {
  double sum = 0;
  int64_t n = 0;
  for (const double value : iou())
    if (value >= 0) {
      sum += value;
      ++n;
    }
  return n ? sum / static_cast<double>(n) : 0;
}

double Confusion::accuracy() const {
  int64_t right = 0, all = 0;
  for (int64_t t = 0; t < classes_; ++t)
    for (int64_t p = 0; p < classes_; ++p) {
      all += counts_[static_cast<size_t>(t * classes_ + p)];
      if (t == p) right += counts_[static_cast<size_t>(t * classes_ + p)];
    }
  return all ? static_cast<double>(right) / static_cast<double>(all) : 0;
}

double psnr(const Image& a, const Image& b) {
  check_same_size(a, b, "[psnr]");
  double squares = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const double d = static_cast<double>(a.pixels[i]) - b.pixels[i];
    squares += d * d;
  }
  return squares == 0 ? INFINITY
                      : 10 * std::log10(255.0 * 255.0 * static_cast<double>(a.pixels.size()) / squares);
}

}  // namespace fourm
