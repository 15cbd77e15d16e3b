#include "fourm/eval/map_comparisons.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "fourm/core/error.h"
#include "fourm/core/log.h"

namespace fourm {
namespace {

constexpr int64_t kLabels = 256;
constexpr uint8_t kNoLabel = 255;

using Images = std::vector<StoredImage>;

const Image& bytes_of(const StoredImage& image) { return std::get<Image>(image); }

// The scores of the model, the ceiling and one constant prediction against the ground truth.
template <class Score>
Comparison compare_each(const std::string& name, const std::string& unit, bool higher, const MapPredictions& a,
                        const StoredImage& constant, const Score& score) {
  std::vector<double> model, ceiling, baseline;
  for (size_t i = 0; i < a.truth.size(); ++i) {
    model.push_back(score(a.model[i], a.truth[i]));
    ceiling.push_back(score(a.ceiling[i], a.truth[i]));
    baseline.push_back(score(constant, a.truth[i]));
  }
  return compare(name, unit, higher, model, ceiling, baseline);
}

// Over the images in which the pixel is known.
template <class T>
StoredImage pixel_mean(const std::vector<KnownPixels>& known, const Images& images) {
  auto mean = std::get<Raster<T>>(images[0]);
  for (size_t i = 0; i < mean.pixels.size(); ++i) {
    double sum = 0;
    int64_t n = 0;
    for (size_t p = 0; p < images.size(); ++p)
      if (is_known(known[p], i / mean.channels)) sum += std::get<Raster<T>>(images[p]).pixels[i], ++n;
    if (n == 0) continue;  // unknown in all images
    const double value = sum / static_cast<double>(n);
    mean.pixels[i] = static_cast<T>(std::is_integral_v<T> ? std::round(value) : value);
  }
  return mean;
}

template <class T>
StoredImage pixel_mean(const InputConfig& kind, const Images& images) {
  std::vector<KnownPixels> known;
  for (const auto& p : images) known.push_back(known_pixels(kind, p));
  return pixel_mean<T>(known, images);
}

StoredImage most_frequent(const Images& images) {
  Image frequent = bytes_of(images[0]);
  for (size_t i = 0; i < frequent.pixels.size(); ++i) {
    std::vector<int> counts(kLabels);
    for (const auto& p : images) ++counts[bytes_of(p).pixels[i]];
    counts[kNoLabel] = 0;
    frequent.pixels[i] = static_cast<uint8_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  }
  return frequent;
}

double mean_iou(const Images& predicted, const Images& truth, const std::vector<size_t>& samples) {
  Confusion confusion(kLabels, kNoLabel);
  for (const size_t i : samples) confusion.add(bytes_of(predicted[i]), bytes_of(truth[i]));
  return confusion.mean_iou();
}

// For tokenizers that standardise depth: their outputs have no unit.
std::vector<Comparison> compare_standardised_depth(const MapPredictions& a) {
  std::vector<KnownPixels> known;
  Images truth;
  for (const auto& t : a.truth) {
    known.push_back(known_pixels(a.kind, t));
    truth.emplace_back(standardised_depth(a.kind, t, known.back()));
  }
  const StoredImage constant = pixel_mean<float>(known, truth);
  const auto errors = [&](const auto& prediction_of) {
    std::vector<double> all;
    for (size_t i = 0; i < truth.size(); ++i)
      all.push_back(standardised_l1(standardised_depth(a.kind, prediction_of(i), known[i]),
                                    std::get<Raster<float>>(truth[i]), known[i]));
    return all;
  };
  return {compare("depth standardised L1", "standard deviations", false, errors([&](size_t i) { return a.model[i]; }),
                  errors([&](size_t i) { return a.ceiling[i]; }), errors([&](size_t) { return constant; }))};
}

std::vector<Comparison> compare_depth(const MapPredictions& a) {
  const StoredImage constant = pixel_mean<float>(a.kind, a.truth);
  const auto errors = [&](const StoredImage& p, const StoredImage& t) {
    return depth_errors(std::get<Raster<float>>(p), std::get<Raster<float>>(t));
  };
  return {compare_each("depth AbsRel", "", false, a, constant,
                       [&](const auto& p, const auto& t) { return errors(p, t).abs_rel; }),
          compare_each("depth delta1", "", true, a, constant,
                       [&](const auto& p, const auto& t) { return errors(p, t).delta1; })};
}

Comparison compare_labels(const MapPredictions& a, uint64_t seed) {
  const size_t n = a.truth.size();
  const auto of = [&](const Images& predicted) {
    return [&](const std::vector<size_t>& samples) { return mean_iou(predicted, a.truth, samples); };
  };
  std::vector<size_t> all(n);
  for (size_t i = 0; i < n; ++i) all[i] = i;
  return {"semantic mIoU",
          "",
          true,
          bootstrap(n, seed, of(a.model)),
          mean_iou(a.ceiling, a.truth, all),
          mean_iou(Images(n, most_frequent(a.truth)), a.truth, all)};
}

// The samples whose ground truth has a known pixel.
MapPredictions with_known_pixels(const MapPredictions& all) {
  MapPredictions some{all.kind, {}, {}, {}};
  for (size_t i = 0; i < all.truth.size(); ++i) {
    if (!any_known(known_pixels(all.kind, all.truth[i]))) continue;
    some.truth.push_back(all.truth[i]);
    some.model.push_back(all.model[i]);
    some.ceiling.push_back(all.ceiling[i]);
  }
  return some;
}

}  // namespace

std::vector<Comparison> compare_maps(const MapPredictions& predictions, uint64_t seed) {
  const MapPredictions a = with_known_pixels(predictions);
  if (a.truth.empty()) {
    warn("the ground truth has no known pixel of ", a.kind.kind, ", which is not measured");
    return {};
  }
  if (a.kind.standardise) return compare_standardised_depth(a);
  if (a.kind.kind == "depth") return compare_depth(a);
  if (a.kind.has_labels()) return {compare_labels(a, seed)};
  if (a.kind.has_features())
    return {compare_each(
        "features cosine", "", true, a, pixel_mean<float>(a.kind, a.truth), [&](const auto& p, const auto& t) {
          return mean_cosine(std::get<Raster<float>>(p).pixels, std::get<Raster<float>>(t).pixels, a.kind.features);
        })};
  const StoredImage constant = pixel_mean<uint8_t>(a.kind, a.truth);
  if (a.kind.kind == "normal")
    return {compare_each("normals mean angle", "degrees", false, a, constant, [&](const auto& p, const auto& t) {
      return mean_angle(bytes_of(p), bytes_of(t), known_pixels(a.kind, t));
    })};
  return {compare_each("rgb PSNR", "dB", true, a, constant,
                       [](const auto& p, const auto& t) { return bounded_psnr(bytes_of(p), bytes_of(t)); })};
}

}  // namespace fourm
