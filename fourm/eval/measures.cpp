#include "fourm/eval/measures.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "fourm/core/error.h"

namespace fourm {
namespace {

constexpr int kSsimWindow = 11;
constexpr double kSsimDeviation = 1.5;

std::vector<double> window_weights(int size) {
  std::vector<double> weights(size, 1.0 / size);
  if (size < kSsimWindow) return weights;
  double sum = 0;
  for (int i = 0; i < size; ++i) {
    const double x = (i - (size - 1) / 2.0) / kSsimDeviation;
    sum += weights[i] = std::exp(-x * x / 2);
  }
  for (double& w : weights) w /= sum;
  return weights;
}

// Weighted means over all windows inside a plane [height, width].
std::vector<double> window_means(const std::vector<double>& plane, int width, int height,
                                 const std::vector<double>& across, const std::vector<double>& down) {
  const int w = width - static_cast<int>(across.size()) + 1, h = height - static_cast<int>(down.size()) + 1;
  std::vector<double> rows(static_cast<size_t>(w) * height), out(static_cast<size_t>(w) * h);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < w; ++x)
      for (size_t k = 0; k < across.size(); ++k)
        rows[static_cast<size_t>(y) * w + x] += across[k] * plane[static_cast<size_t>(y) * width + x + k];
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x)
      for (size_t k = 0; k < down.size(); ++k) out[static_cast<size_t>(y) * w + x] += down[k] * rows[(y + k) * w + x];
  return out;
}

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

DepthErrors depth_errors(const Raster<float>& predicted, const Raster<float>& truth, const DepthRange& range) {
  check_same_size(predicted, truth, "[depth_errors]");
  DepthErrors errors;
  int64_t n = 0;
  for (size_t i = 0; i < truth.pixels.size(); ++i) {
    if (!range.is_known(truth.pixels[i])) continue;
    const double t = truth.pixels[i], p = std::clamp<double>(predicted.pixels[i], range.least, range.most);
    const double ratio = std::max(p / t, t / p);
    errors.abs_rel += std::abs(p - t) / t;
    errors.rmse += (p - t) * (p - t);
    errors.log10 += std::abs(std::log10(p) - std::log10(t));
    errors.delta1 += ratio < 1.25;
    errors.delta2 += ratio < 1.25 * 1.25;
    errors.delta3 += ratio < 1.25 * 1.25 * 1.25;
    ++n;
  }
  check(n > 0, "[depth_errors] no pixel of the truth is known");
  for (double* sum : {&errors.abs_rel, &errors.rmse, &errors.log10, &errors.delta1, &errors.delta2, &errors.delta3})
    *sum /= static_cast<double>(n);
  errors.rmse = std::sqrt(errors.rmse);
  return errors;
}

Raster<float> aligned_depth(const Raster<float>& predicted, const Raster<float>& truth) {
  check_same_size(predicted, truth, "[aligned_depth]");
  double n = 0, mean_p = 0, mean_t = 0, variance = 0, covariance = 0;
  const auto each_known = [&](const auto& use) {
    for (size_t i = 0; i < truth.pixels.size(); ++i)
      if (truth.pixels[i] > 0) use(double{predicted.pixels[i]}, double{truth.pixels[i]});
  };
  each_known([&](double p, double t) { ++n, mean_p += p, mean_t += t; });
  check(n > 0, "[aligned_depth] no pixel of the truth is known");
  mean_p /= n, mean_t /= n;
  each_known([&](double p, double t) {
    variance += (p - mean_p) * (p - mean_p);
    covariance += (p - mean_p) * (t - mean_t);
  });
  const double factor = variance > 0 ? covariance / variance : 0;
  Raster<float> aligned = predicted;
  for (float& depth : aligned.pixels) depth = static_cast<float>(mean_t + factor * (depth - mean_p));
  return aligned;
}

double standardised_l1(const Raster<float>& predicted, const Raster<float>& truth, const KnownPixels& known) {
  check_same_size(predicted, truth, "[standardised_l1]");
  double sum = 0;
  int64_t n = 0;
  for (size_t i = 0; i < truth.pixels.size(); ++i)
    if (is_known(known, i)) sum += std::abs(double{predicted.pixels[i]} - truth.pixels[i]), ++n;
  check(n > 0, "[standardised_l1] no pixel of the truth is known");
  return sum / static_cast<double>(n);
}

NormalErrors normal_errors(const Image& predicted, const Image& truth, const KnownPixels& known) {
  check_same_size(predicted, truth, "[normal_errors]");
  check(predicted.channels == 3, "[normal_errors] normals have 3 channels, got ", predicted.channels);
  std::vector<double> angles;
  for (size_t i = 0; i < predicted.pixels.size(); i += 3) {
    if (!is_known(known, i / 3)) continue;
    double dot = 0, a = 0, b = 0;
    for (size_t c = 0; c < 3; ++c) {
      const double x = predicted.pixels[i + c] / 127.5 - 1, y = truth.pixels[i + c] / 127.5 - 1;
      dot += x * y;
      a += x * x;
      b += y * y;
    }
    const double cosine = std::clamp(dot / std::sqrt(std::max(a * b, 1e-12)), -1.0, 1.0);
    angles.push_back(std::acos(cosine) * 180 / std::numbers::pi);
  }
  check(!angles.empty(), "[normal_errors] no pixel of the truth is known");
  std::sort(angles.begin(), angles.end());
  const auto n = static_cast<double>(angles.size());
  const auto below = [&](double limit) {
    return static_cast<double>(std::lower_bound(angles.begin(), angles.end(), limit) - angles.begin()) / n;
  };
  const size_t middle = angles.size() / 2;
  return {std::accumulate(angles.begin(), angles.end(), 0.0) / n,
          angles.size() % 2 ? angles[middle] : (angles[middle - 1] + angles[middle]) / 2, below(11.25), below(22.5),
          below(30)};
}

void Confusion::add(const Raster<uint8_t>& predicted, const Raster<uint8_t>& truth) {
  check_same_size(predicted, truth, "[Confusion]");
  for (size_t i = 0; i < truth.pixels.size(); ++i) add(predicted.pixels[i], truth.pixels[i]);
}

void Confusion::add(int64_t predicted, int64_t truth) {
  if (ignored_ && truth == *ignored_) return;
  check(truth < classes_ && predicted < classes_, "[Confusion] label ", std::max(truth, predicted), " of ", classes_,
        " classes");
  ++counts_[static_cast<size_t>(truth * classes_ + predicted)];
}

Confusion::Class Confusion::count(int64_t c) const {
  Class of{0, 0, counts_[static_cast<size_t>(c * classes_ + c)]};
  for (int64_t k = 0; k < classes_; ++k) {
    of.truth += counts_[static_cast<size_t>(c * classes_ + k)];
    of.predicted += counts_[static_cast<size_t>(k * classes_ + c)];
  }
  return of;
}

std::optional<double> Confusion::iou(int64_t c) const {
  const auto [truth, predicted, both] = count(c);
  if (truth == 0) return std::nullopt;
  return static_cast<double>(both) / static_cast<double>(truth + predicted - both);
}

template <class Score>
double Confusion::mean(const Score& score) const {
  double sum = 0;
  int64_t occurring = 0;
  for (int64_t c = 0; c < classes_; ++c)
    if (const std::optional<double> value = score(c)) sum += *value, ++occurring;
  return occurring ? sum / static_cast<double>(occurring) : 0;
}

double Confusion::mean_iou() const {
  return mean([this](int64_t c) { return iou(c); });
}

double Confusion::mean_accuracy() const {
  return mean([this](int64_t c) -> std::optional<double> {
    const auto [truth, predicted, both] = count(c);
    if (truth == 0) return std::nullopt;
    return static_cast<double>(both) / static_cast<double>(truth);
  });
}

double Confusion::accuracy() const {
  int64_t right = 0;
  for (int64_t c = 0; c < classes_; ++c) right += counts_[static_cast<size_t>(c * classes_ + c)];
  const int64_t all = pixels();
  return all ? static_cast<double>(right) / static_cast<double>(all) : 0;
}

int64_t Confusion::pixels() const { return std::accumulate(counts_.begin(), counts_.end(), int64_t{0}); }

double psnr(const Image& a, const Image& b, const KnownPixels& known) {
  check_same_size(a, b, "[psnr]");
  double squares = 0;
  int64_t n = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    if (!is_known(known, i / a.channels)) continue;
    const double d = static_cast<double>(a.pixels[i]) - b.pixels[i];
    squares += d * d;
    ++n;
  }
  return squares == 0 ? INFINITY : 10 * std::log10(255.0 * 255.0 * static_cast<double>(n) / squares);
}

double bounded_psnr(const Image& a, const Image& b, const KnownPixels& known) {
  return std::min(psnr(a, b, known), 100.0);
}

double ssim(const Image& a, const Image& b, const KnownPixels& known) {
  check_same_size(a, b, "[ssim]");
  check(a.area() > 0, "[ssim] the images are empty");
  const double c1 = std::pow(0.01 * 255, 2), c2 = std::pow(0.03 * 255, 2);
  const auto across = window_weights(std::min(kSsimWindow, a.width));
  const auto down = window_weights(std::min(kSsimWindow, a.height));
  std::vector<double> share;  // of each window, that is known; empty: all of it
  if (!known.empty()) share = window_means({known.begin(), known.end()}, a.width, a.height, across, down);
  double total = 0;
  for (int c = 0; c < a.channels; ++c) {
    std::vector<double> x(a.area()), y(a.area()), xx(a.area()), yy(a.area()), xy(a.area());
    for (size_t i = 0; i < a.area(); ++i) {
      if (!is_known(known, i)) continue;
      x[i] = a.pixels[i * a.channels + c];
      y[i] = b.pixels[i * a.channels + c];
      xx[i] = x[i] * x[i], yy[i] = y[i] * y[i], xy[i] = x[i] * y[i];
    }
    for (auto* plane : {&x, &y, &xx, &yy, &xy}) *plane = window_means(*plane, a.width, a.height, across, down);
    double sum = 0, weights = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double weight = share.empty() ? 1 : share[i];
      if (weight == 0) continue;
      const double mx = x[i] / weight, my = y[i] / weight, vx = xx[i] / weight - mx * mx, vy = yy[i] / weight - my * my;
      const double covariance = xy[i] / weight - mx * my;
      sum += weight * (2 * mx * my + c1) * (2 * covariance + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2));
      weights += weight;
    }
    check(weights > 0, "[ssim] no pixel is known");
    total += sum / weights;
  }
  return total / a.channels;
}

Image block_mean(const Image& image, int side, const KnownPixels& known) {
  check(side > 0, "[block_mean] the side is ", side);
  Image out(image.width, image.height, image.channels);
  for (int top = 0; top < image.height; top += side)
    for (int left = 0; left < image.width; left += side)
      for (int c = 0; c < image.channels; ++c) {
        const int bottom = std::min(top + side, image.height), right = std::min(left + side, image.width);
        int64_t sum = 0, n = 0;
        for (int y = top; y < bottom; ++y)
          for (int x = left; x < right; ++x)
            if (is_known(known, static_cast<size_t>(y) * image.width + x)) sum += image.at(x, y)[c], ++n;
        if (n == 0) continue;
        for (int y = top; y < bottom; ++y)
          for (int x = left; x < right; ++x) out.at(x, y)[c] = static_cast<uint8_t>((sum + n / 2) / n);
      }
  return out;
}

double mean_cosine(const std::vector<float>& a, const std::vector<float>& b, int64_t width) {
  check(a.size() == b.size() && width > 0 && !a.empty() && a.size() % width == 0, "[mean_cosine] ", a.size(), " and ",
        b.size(), " values are not rows of ", width);
  double sum = 0;
  for (size_t row = 0; row < a.size(); row += width) {
    double dot = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < width; ++i) {
      const double x = a[row + i], y = b[row + i];
      dot += x * y, aa += x * x, bb += y * y;
    }
    sum += dot / std::sqrt(std::max(aa * bb, 1e-24));
  }
  return sum / (static_cast<double>(a.size()) / static_cast<double>(width));
}

}  // namespace fourm
