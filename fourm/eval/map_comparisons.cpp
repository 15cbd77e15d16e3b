#include "fourm/eval/map_comparisons.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "fourm/core/error.h"
#include "fourm/core/log.h"

namespace fourm {
namespace {

constexpr int64_t kLabels = 256;
constexpr uint8_t kNoLabel = 255;

using Images = std::vector<StoredImage>;

const Image& bytes_of(const StoredImage& image) { return std::get<Image>(image); }

// One number of the errors of an image.
template <class Errors>
struct Measure {
  std::string name, unit;
  bool higher;
  double Errors::*value;
};

// The measures of the model, the ceiling and one constant prediction against the ground truth. errors_of(prediction, truth).
template <class Errors, class ErrorsOf>
std::vector<Comparison> compare_each(const std::vector<Measure<Errors>>& measures, const MapPredictions& a,
                                     const StoredImage& constant, const ErrorsOf& errors_of) {
  std::vector<Errors> model, ceiling, baseline;
  for (size_t i = 0; i < a.truth.size(); ++i) {
    model.push_back(errors_of(a.model[i], a.truth[i]));
    ceiling.push_back(errors_of(a.ceiling[i], a.truth[i]));
    baseline.push_back(errors_of(constant, a.truth[i]));
  }
  std::vector<Comparison> comparisons;
  for (const auto& [name, unit, higher, value] : measures) {
    const auto of = [member = value](const std::vector<Errors>& errors) {
      std::vector<double> values;
      for (const auto& e : errors) values.push_back(e.*member);
      return values;
    };
    comparisons.push_back(compare(name, unit, higher, of(model), of(ceiling), of(baseline)));
  }
  return comparisons;
}

// A score that is one number.
struct Score {
  double value;
};

// The mean of each pixel over the images in which it is known: known[i] are the known pixels of images[i].
template <class T>
Raster<T> mean_of_known(const std::vector<KnownPixels>& known, const Images& images) {
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

Confusion confusion(const Images& predicted, const Images& truth, const std::vector<size_t>& samples) {
  Confusion counts(kLabels, kNoLabel);
  for (const size_t i : samples) counts.add(bytes_of(predicted[i]), bytes_of(truth[i]));
  return counts;
}

// For tokenizers that standardise depth: their outputs have no unit.
std::vector<Comparison> compare_standardised_depth(const MapPredictions& a) {
  std::vector<KnownPixels> known;
  Images truth;
  for (const auto& t : a.truth) {
    known.push_back(known_pixels(a.kind, t));
    truth.emplace_back(standardised_depth(a.kind, t, known.back()));
  }
  const StoredImage constant = mean_of_known<float>(known, truth);
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
  const std::string aligned = a.align_depth ? " (aligned)" : "";
  const std::vector<Measure<DepthErrors>> measures{{"depth AbsRel" + aligned, "", false, &DepthErrors::abs_rel},
                                                   {"depth delta1" + aligned, "", true, &DepthErrors::delta1},
                                                   {"depth delta2" + aligned, "", true, &DepthErrors::delta2},
                                                   {"depth delta3" + aligned, "", true, &DepthErrors::delta3},
                                                   {"depth RMSE" + aligned, "m", false, &DepthErrors::rmse}};
  return compare_each(measures, a, pixel_mean<float>(a.kind, a.truth), [&](const auto& p, const auto& t) {
    const auto& predicted = std::get<Raster<float>>(p);
    const auto& truth = std::get<Raster<float>>(t);
    return depth_errors(a.align_depth ? aligned_depth(predicted, truth) : predicted, truth);
  });
}

std::vector<Comparison> compare_normals(const MapPredictions& a) {
  const std::vector<Measure<NormalErrors>> measures{
      {"normals mean angle", "degrees", false, &NormalErrors::mean},
      {"normals median angle", "degrees", false, &NormalErrors::median},
      {"normals within 11.25 degrees", "", true, &NormalErrors::within_11},
      {"normals within 22.5 degrees", "", true, &NormalErrors::within_22},
      {"normals within 30 degrees", "", true, &NormalErrors::within_30}};
  return compare_each(measures, a, pixel_mean<uint8_t>(a.kind, a.truth), [&](const auto& p, const auto& t) {
    return normal_errors(bytes_of(p), bytes_of(t), known_pixels(a.kind, t));
  });
}

std::vector<Comparison> compare_labels(const MapPredictions& a, uint64_t seed) {
  const size_t n = a.truth.size();
  std::vector<size_t> all(n);
  std::iota(all.begin(), all.end(), size_t{0});
  const Images constant(n, most_frequent(a.truth));
  std::vector<Comparison> comparisons;
  for (const auto& [name, measure] :
       {std::pair{"semantic mIoU", &Confusion::mean_iou}, std::pair{"semantic accuracy", &Confusion::accuracy}}) {
    const auto of = [&, score = measure](const Images& predicted, const std::vector<size_t>& samples) {
      return (confusion(predicted, a.truth, samples).*score)();
    };
    Comparison comparison;
    comparison.name = name;
    comparison.model = bootstrap(n, seed, [&](const std::vector<size_t>& samples) { return of(a.model, samples); });
    comparison.ceiling = of(a.ceiling, all);
    comparison.baseline = of(constant, all);
    comparisons.push_back(comparison);
  }
  return comparisons;
}

// The samples whose ground truth has a known pixel.
MapPredictions with_known_pixels(const MapPredictions& all) {
  MapPredictions some{all.kind, {}, {}, {}, all.align_depth};
  for (size_t i = 0; i < all.truth.size(); ++i) {
    if (!any_known(known_pixels(all.kind, all.truth[i]))) continue;
    some.truth.push_back(all.truth[i]);
    some.model.push_back(all.model[i]);
    some.ceiling.push_back(all.ceiling[i]);
  }
  return some;
}

}  // namespace

template <class T>
Raster<T> pixel_mean(const InputConfig& kind, const std::vector<StoredImage>& images) {
  std::vector<KnownPixels> known;
  for (const auto& p : images) known.push_back(known_pixels(kind, p));
  return mean_of_known<T>(known, images);
}
template Raster<float> pixel_mean(const InputConfig&, const std::vector<StoredImage>&);
template Raster<uint8_t> pixel_mean(const InputConfig&, const std::vector<StoredImage>&);

std::vector<Comparison> compare_maps(const MapPredictions& predictions, uint64_t seed) {
  const MapPredictions a = with_known_pixels(predictions);
  if (a.truth.empty()) {
    warn("the ground truth has no known pixel of ", a.kind.kind, ", which is not measured");
    return {};
  }
  if (a.kind.standardise) return compare_standardised_depth(a);
  if (a.kind.kind == "depth") return compare_depth(a);
  if (a.kind.has_labels()) return compare_labels(a, seed);
  if (a.kind.kind == "normal") return compare_normals(a);
  if (a.kind.has_features())
    return compare_each<Score>({{"features cosine", "", true, &Score::value}}, a, pixel_mean<float>(a.kind, a.truth),
                               [&](const auto& p, const auto& t) {
                                 return Score{mean_cosine(std::get<Raster<float>>(p).pixels,
                                                          std::get<Raster<float>>(t).pixels, a.kind.features)};
                               });
  return compare_each<Score>(
      {{"rgb PSNR", "dB", true, &Score::value}}, a, pixel_mean<uint8_t>(a.kind, a.truth),
      [](const auto& p, const auto& t) { return Score{bounded_psnr(bytes_of(p), bytes_of(t))}; });
}

}  // namespace fourm
