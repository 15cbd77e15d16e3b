#include "fourm/eval/frechet.h"

#include <algorithm>

#include "fourm/core/tensor.h"

namespace fourm {
namespace {

Tensor rows(const std::vector<Embedding>& vectors) {
  check(vectors.size() >= 2, "[frechet_distance] a set of ", vectors.size(), " vectors, expected two or more");
  const auto width = static_cast<int64_t>(vectors[0].size());
  Tensor table = at::empty({static_cast<int64_t>(vectors.size()), width}, at::kFloat);
  for (size_t i = 0; i < vectors.size(); ++i) {
    check(vectors[i].size() == vectors[0].size(), "[frechet_distance] vectors of ", vectors[0].size(), " and ",
          vectors[i].size(), " numbers");
    std::copy(vectors[i].begin(), vectors[i].end(), table.data_ptr<float>() + static_cast<int64_t>(i) * width);
  }
  return table.to(at::kDouble);
}

struct Gaussian {
  Tensor mean, covariance;  // [D], [D, D]
};

Gaussian gaussian(const Tensor& rows) {
  const Tensor mean = rows.mean(0), centred = rows - mean;
  return {mean, at::matmul(centred.t(), centred) / static_cast<double>(rows.size(0) - 1)};
}

double distance(const Gaussian& a, const Gaussian& b) {
  // The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2).
  const auto [values, vectors] = at::linalg_eigh(a.covariance);
  const Tensor root = at::matmul(vectors * values.clamp_min(0).sqrt(), vectors.t());
  const Tensor between =
      at::linalg_eigvalsh(at::matmul(at::matmul(root, b.covariance), root)).clamp_min(0).sqrt().sum();
  const Tensor means = (a.mean - b.mean).square().sum();
  const Tensor traces = a.covariance.trace() + b.covariance.trace();
  return std::max(0.0, (means + traces - 2 * between).item<double>());
}

// The rows of the squares of the chosen images. table: [images x squares, D].
Tensor chosen_rows(const Tensor& table, const std::vector<size_t>& images, size_t n) {
  const Tensor by_image = table.reshape({static_cast<int64_t>(n), -1, table.size(1)});
  const std::vector<int64_t> index(images.begin(), images.end());
  return by_image.index_select(0, at::tensor(index, at::kLong)).flatten(0, 1);
}

}  // namespace

double frechet_distance(const std::vector<Embedding>& a, const std::vector<Embedding>& b) {
  const Tensor of_a = rows(a), of_b = rows(b);
  check(of_a.size(1) == of_b.size(1), "[frechet_distance] vectors of ", of_a.size(1), " and ", of_b.size(1),
        " numbers");
  return distance(gaussian(of_a), gaussian(of_b));
}

std::vector<StoredImage> squares_of(const std::vector<StoredImage>& images, int side) {
  std::vector<StoredImage> squares;
  for (const auto& stored : images) {
    const auto& image = std::get<Image>(stored);
    if (image.width < side || image.height < side) {
      squares.push_back(image);
      continue;
    }
    for (int top = 0; top + side <= image.height; top += side)
      for (int left = 0; left + side <= image.width; left += side) {
        Image square(side, side, image.channels);
        for (int y = 0; y < side; ++y)
          std::copy(image.at(left, top + y), image.at(left, top + y) + side * image.channels, square.at(0, y));
        squares.push_back(std::move(square));
      }
  }
  return squares;
}

Comparison compare_frechet(const ImageText& model, const std::vector<StoredImage>& generated,
                           const std::vector<StoredImage>& truth, const std::vector<StoredImage>& ceiling,
                           uint64_t seed) {
  const auto embedded = [&](const std::vector<StoredImage>& images) {
    return rows(model.embed(squares_of(images, static_cast<int>(model.image_size()))));
  };
  std::vector<StoredImage> blocks;
  for (const auto& image : truth)
    blocks.push_back(block_mean(std::get<Image>(image), static_cast<int>(model.patch_size())));
  const Tensor of_truth = embedded(truth), of_model = embedded(generated);
  const Gaussian all = gaussian(of_truth);
  Comparison comparison;
  comparison.name = "rgb: Frechet distance";
  comparison.higher = false;
  comparison.ceiling = distance(gaussian(embedded(ceiling)), all);
  comparison.baseline = distance(gaussian(embedded(blocks)), all);
  comparison.model = bootstrap(truth.size(), seed, [&](const std::vector<size_t>& images) {
    return distance(gaussian(chosen_rows(of_model, images, truth.size())), all);
  });
  return comparison;
}

}  // namespace fourm
