// The Fréchet distance against its closed forms.
#include "fourm/eval/frechet.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"

namespace fourm {
namespace {

// Vectors of this mean whose covariance is A A^T, for the columns of A as deviations.
std::vector<Embedding> vectors(const Embedding& mean, const std::vector<Embedding>& deviations) {
  std::vector<Embedding> all;
  const auto n = static_cast<float>(2 * deviations.size());
  for (const auto& deviation : deviations)
    for (const float sign : {-1.0F, 1.0F}) {
      Embedding vector = mean;
      for (size_t i = 0; i < mean.size(); ++i) vector[i] += sign * deviation[i] * std::sqrt((n - 1) / 2);
      all.push_back(vector);
    }
  return all;
}

TEST(Frechet, OfEqualSetsIsZero) {
  Random random(1);
  std::vector<Embedding> set(50, Embedding(6));
  for (auto& vector : set)
    for (float& v : vector) v = static_cast<float>(random.uniform(-1, 1));
  EXPECT_NEAR(frechet_distance(set, set), 0, 1e-6);
  auto moved = set;
  for (auto& vector : moved) vector[2] += 0.5F;
  EXPECT_NEAR(frechet_distance(set, moved), 0.25, 1e-6) << "the square of the shift";
}

TEST(Frechet, OfIndependentNumbersIsTheSumOverThem) {
  const auto a = vectors({1, 2, 3}, {{2, 0, 0}, {0, 1, 0}, {0, 0, 0.5F}});
  const auto b = vectors({1, 4, 3}, {{1, 0, 0}, {0, 3, 0}, {0, 0, 0}});
  // |2|^2 + (2 - 1)^2 + (1 - 3)^2 + (0.5 - 0)^2
  EXPECT_NEAR(frechet_distance(a, b), 4 + 1 + 4 + 0.25, 1e-5);
  EXPECT_NEAR(frechet_distance(b, a), frechet_distance(a, b), 1e-6);
}

TEST(Frechet, OfCorrelatedPairsIsTheirClosedForm) {
  const auto a = vectors({0, 0}, {{2, 1}, {0, 1}}), b = vectors({0, 0}, {{1, -1}, {0.5F, 2}});
  // C1 = [4 2; 2 2], C2 = [1.25 0; 0 5]: tr (C1 C2)^(1/2) = sqrt(tr C1 C2 + 2 sqrt(det C1 det C2)).
  const double trace = 4 * 1.25 + 2 * 5, determinants = 4 * 6.25;
  EXPECT_NEAR(frechet_distance(a, b), 6 + 6.25 - 2 * std::sqrt(trace + 2 * std::sqrt(determinants)), 1e-5);
}

TEST(Frechet, RefusesWhatHasNoCovariance) {
  EXPECT_THROW(frechet_distance({{1, 2}}, {{1, 2}, {3, 4}}), Error);
  EXPECT_THROW(frechet_distance({{1, 2}, {3, 4}}, {{1}, {2}}), Error);
  EXPECT_THROW(frechet_distance({{1, 2}, {3}}, {{1, 2}, {3, 4}}), Error);
}

TEST(Frechet, ImagesAreCutIntoSquares) {
  Image image(5, 4, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i);
  const auto squares = squares_of({image, Image(1, 9, 3)}, 2);
  ASSERT_EQ(squares.size(), 5u) << "four of the first; the second is too narrow and stays whole";
  const auto& last = std::get<Image>(squares[3]);
  for (int y = 0; y < 2; ++y)
    for (int x = 0; x < 2; ++x)
      for (int c = 0; c < 3; ++c) EXPECT_EQ(last.at(x, y)[c], image.at(x + 2, y + 2)[c]);
  EXPECT_EQ(std::get<Image>(squares[4]).height, 9);
}

TEST(Frechet, TheModelIsBetweenCeilingAndBaseline) {
  const auto model = ImageText::open(fs::path(FOURM_SOURCE_DIR) / "models/rooms-ti/clip");
  Random random(2);
  std::vector<StoredImage> truth, noisy;
  for (int i = 0; i < 6; ++i) {
    Image image(128, 128, 3), noise(128, 128, 3);
    for (int y = 0; y < 128; ++y)
      for (int x = 0; x < 128; ++x)
        for (int c = 0; c < 3; ++c) image.at(x, y)[c] = static_cast<uint8_t>((x * (i + 1) + y * c * 3) % 256);
    for (auto& p : noise.pixels) p = static_cast<uint8_t>(random.below(256));
    truth.emplace_back(image);
    noisy.emplace_back(noise);
  }
  const Comparison same = compare_frechet(model, truth, truth, truth, 3),
                   other = compare_frechet(model, noisy, truth, truth, 3);
  EXPECT_FALSE(same.higher);
  EXPECT_NEAR(same.model.mean, 0, 1e-6);
  EXPECT_NEAR(same.ceiling, 0, 1e-6);
  EXPECT_GT(same.baseline, 0.001);
  EXPECT_GT(other.model.mean, 0.01);
  EXPECT_EQ(other.model.count, 6);
  EXPECT_EQ(other.baseline, same.baseline);
  EXPECT_EQ(compare_frechet(model, noisy, truth, truth, 3).model.half_width, other.model.half_width);
}

}  // namespace
}  // namespace fourm
