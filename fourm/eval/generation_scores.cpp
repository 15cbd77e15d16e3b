#include "fourm/eval/generation_scores.h"

#include <algorithm>
#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/eval/frechet.h"
#include "fourm/eval/image_rows.h"
#include "fourm/eval/inception.h"
#include "fourm/io/image_file.h"
#include "fourm/io/weights.h"
#include "fourm/kernels/device.h"

namespace fourm {
namespace {

constexpr int64_t kRowsTogether = 1024;  // of a table of distances

Tensor table_of(const std::vector<Embedding>& rows) {
  check(!rows.empty(), "[generation_scores] no vectors");
  const auto width = static_cast<int64_t>(rows[0].size());
  Tensor table = at::empty({static_cast<int64_t>(rows.size()), width}, at::kFloat);
  for (size_t i = 0; i < rows.size(); ++i) {
    check(rows[i].size() == rows[0].size(), "[generation_scores] vectors of two lengths");
    std::copy(rows[i].begin(), rows[i].end(), table.data_ptr<float>() + static_cast<int64_t>(i) * width);
  }
  return table.to(at::kDouble);
}

// The distance of each vector to its k-th nearest other one.
Tensor radii(const Tensor& table, int64_t k) {
  std::vector<Tensor> parts;
  for (const Tensor& rows : table.split(kRowsTogether))
    parts.push_back(std::get<0>(at::cdist(rows, table).kthvalue(k + 1, 1)));  // the first is the vector itself
  return at::cat(parts);
}

// The share of the vectors that lie in one of the balls or more.
double share_inside(const Tensor& vectors, const Tensor& centres, const Tensor& radius) {
  double inside = 0;
  for (const Tensor& rows : vectors.split(kRowsTogether))
    inside += at::cdist(rows, centres).le(radius.unsqueeze(0)).any(1).sum().item<double>();
  return inside / static_cast<double>(vectors.size(0));
}

// The outputs for the images of a folder.
ImageFeatures features_of(const Inception& network, const std::string& name, const fs::path& images,
                          const GenerationOptions& options, const ProcessGroup& group) {
  const auto n = static_cast<int64_t>(list_images(images).size());
  check(n >= 10, images.string(), ": holds ", counted(n, "image"), ", expected ten or more");
  const fs::path weights = options.inception;
  ImageRowsOptions rows;
  rows.name = name;
  rows.images = images;
  rows.resize = options.resize;
  rows.width = Inception::kFeatures + Inception::kClasses;
  rows.store = options.store;
  rows.depends_on = {{"weights", weights_digest(weights)}};
  const auto compute = [&](const std::vector<Image>& batch, size_t) {
    const auto [features, logits] = network(batch);
    return at::cat({features, logits}, 1);
  };
  const Tensor all = image_rows(rows, compute, group);
  return {embeddings_of(all, 0, Inception::kFeatures), embeddings_of(all, Inception::kFeatures, all.size(1))};
}

}  // namespace

InceptionScore inception_score(const std::vector<Embedding>& logits, int64_t splits) {
  const Tensor table = table_of(logits);
  const int64_t n = table.size(0);
  check(splits > 0 && n >= splits, "[inception_score] ", n, " images in ", splits, " parts");
  const Tensor log_classes = table.log_softmax(1), classes = log_classes.exp();
  std::vector<double> scores;
  for (int64_t part = 0; part < splits; ++part) {
    const int64_t begin = part * n / splits, end = (part + 1) * n / splits;
    const Tensor p = classes.slice(0, begin, end), marginal = p.mean(0, /*keepdim=*/true).log();
    scores.push_back(std::exp((p * (log_classes.slice(0, begin, end) - marginal)).sum(1).mean().item<double>()));
  }
  InceptionScore score;
  for (const double s : scores) score.mean += s / static_cast<double>(splits);
  for (const double s : scores) score.deviation += (s - score.mean) * (s - score.mean) / static_cast<double>(splits);
  score.deviation = std::sqrt(score.deviation);
  return score;
}

PrecisionAndRecall precision_and_recall(const std::vector<Embedding>& generated, const std::vector<Embedding>& real,
                                        int64_t k) {
  const Tensor of_generated = table_of(generated), of_real = table_of(real);
  check(of_generated.size(1) == of_real.size(1), "[precision_and_recall] vectors of two lengths");
  check(k > 0 && std::min(of_generated.size(0), of_real.size(0)) > k, "[precision_and_recall] ", of_generated.size(0),
        " and ", of_real.size(0), " vectors, expected more than ", k);
  return {share_inside(of_generated, of_real, radii(of_real, k)),
          share_inside(of_real, of_generated, radii(of_generated, k))};
}

GenerationScores score_generation(const GenerationOptions& options, const ProcessGroup& group) {
  const Inception network = Inception::open(options.inception, parse_device(options.device));
  const ImageFeatures generated = features_of(network, "generated", options.generated, options, group),
                      real = features_of(network, "real", options.real, options, group);
  return {static_cast<int64_t>(generated.features.size()), static_cast<int64_t>(real.features.size()),
          frechet_distance(generated.features, real.features), inception_score(generated.logits),
          precision_and_recall(generated.features, real.features)};
}

Json to_json(const GenerationScores& scores) {
  return {{"generated", scores.generated},
          {"real", scores.real},
          {"FID", scores.frechet},
          {"IS", scores.inception.mean},
          {"IS_deviation", scores.inception.deviation},
          {"precision", scores.manifold.precision},
          {"recall", scores.manifold.recall}};
}

}  // namespace fourm
