// Measures against closed forms.
#include "fourm/eval/measures.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/io/image_resize.h"

namespace fourm {
namespace {

Image constant(int width, int height, uint8_t value, int channels = 1) {
  Image image(width, height, channels);
  std::fill(image.pixels.begin(), image.pixels.end(), value);
  return image;
}

Image noise(int width, int height, uint64_t seed) {
  Random random(seed);
  Image image(width, height, 3);
  for (uint8_t& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
  return image;
}

TEST(Ssim, EqualImagesAreOneAndTheMeasureIsSymmetric) {
  const Image a = noise(40, 30, 1), b = noise(40, 30, 2);
  EXPECT_NEAR(ssim(a, a), 1, 1e-12);
  EXPECT_DOUBLE_EQ(ssim(a, b), ssim(b, a));
  EXPECT_LT(std::abs(ssim(a, b)), 0.1);  // nothing in common
}

TEST(Ssim, FlatImagesDifferByTheirMeansOnly) {
  // Without variance the second factor is one: (2 x y + c1) / (x^2 + y^2 + c1).
  const double c1 = 2.55 * 2.55, x = 100, y = 150;
  EXPECT_NEAR(ssim(constant(20, 20, 100), constant(20, 20, 150)), (2 * x * y + c1) / (x * x + y * y + c1), 1e-9);
}

TEST(Ssim, SmallImagesAreOneWindow) {
  // Means 1 and 2, variances 1 and 4, covariance -2 of (0, 2) and (4, 0).
  Image a(2, 1, 1), b(2, 1, 1);
  a.pixels = {0, 2};
  b.pixels = {4, 0};
  const double c1 = 2.55 * 2.55, c2 = 7.65 * 7.65;
  EXPECT_NEAR(ssim(a, b), (2 * 1 * 2 + c1) * (2 * -2 + c2) / ((1 + 4 + c1) * (1 + 4 + c2)), 1e-9);
  EXPECT_NEAR(ssim(constant(1, 1, 7), constant(1, 1, 7)), 1, 1e-12);
}

TEST(Ssim, InvertedContrastIsNegative) {
  Image a(32, 32, 1), b(32, 32, 1);
  for (int y = 0; y < 32; ++y)
    for (int x = 0; x < 32; ++x) {
      *a.at(x, y) = (x + y) % 2 ? 228 : 28;
      *b.at(x, y) = (x + y) % 2 ? 28 : 228;
    }
  EXPECT_LT(ssim(a, b), -0.9);
}

TEST(Psnr, AStepOfOneEverywhere) {
  EXPECT_NEAR(psnr(constant(8, 8, 10, 3), constant(8, 8, 11, 3)), 20 * std::log10(255.0), 1e-12);
  EXPECT_TRUE(std::isinf(psnr(constant(8, 8, 10), constant(8, 8, 10))));
}

TEST(BlockMean, MeansWithShorterBlocksAtTheEdge) {
  Image image(3, 2, 1);
  image.pixels = {0, 4, 9, 8, 12, 11};
  EXPECT_EQ(block_mean(image, 2).pixels, (std::vector<uint8_t>{6, 6, 10, 6, 6, 10}));
  EXPECT_EQ(block_mean(image, 1).pixels, image.pixels);
}

TEST(DepthErrors, RelativeErrorOverKnownPixels) {
  Raster<float> truth(3, 1, 1), predicted(3, 1, 1);
  truth.pixels = {2, 4, 0};  // the last is unknown
  predicted.pixels = {1, 4.4F, 9};
  const DepthErrors errors = depth_errors(predicted, truth);
  EXPECT_NEAR(errors.abs_rel, (0.5 + 0.1) / 2, 1e-6);
  EXPECT_NEAR(errors.delta1, 0.5, 1e-12);
  EXPECT_NEAR(errors.rmse, std::sqrt((1 + 0.16) / 2), 1e-6);
  EXPECT_NEAR(errors.log10, (std::log10(2) + std::log10(1.1)) / 2, 1e-6);
  predicted.pixels = {2 * 1.5F, 4 * 1.9F, 9};  // below 1.25^2, below 1.25^3
  EXPECT_EQ(depth_errors(predicted, truth).delta1, 0);
  EXPECT_EQ(depth_errors(predicted, truth).delta2, 0.5);
  EXPECT_EQ(depth_errors(predicted, truth).delta3, 1);
  truth.pixels = {0, 0, 0};
  EXPECT_THROW(depth_errors(predicted, truth), Error);  // not 0
}

TEST(DepthErrors, ARangeClampsPredictionsAndLeavesOutFartherTruth) {
  Raster<float> truth(3, 1, 1), predicted(3, 1, 1);
  truth.pixels = {2, 4, 11};  // the last is farther than 10
  predicted.pixels = {-1, 40, 11};
  const DepthErrors errors = depth_errors(predicted, truth, {1, 10});
  EXPECT_NEAR(errors.abs_rel, (0.5 + 1.5) / 2, 1e-6);
  EXPECT_NEAR(errors.rmse, std::sqrt((1 + 36) / 2.0), 1e-6);
  truth.pixels = {11, 11, 11};
  EXPECT_THROW(depth_errors(predicted, truth, {1, 10}), Error);
}

TEST(DepthErrors, AlignmentFindsScaleAndShift) {
  Raster<float> truth(4, 1, 1), predicted(4, 1, 1);
  truth.pixels = {1, 2, 5, 0};
  for (int i = 0; i < 4; ++i) predicted.pixels[i] = -3 * truth.pixels[i] + 7;
  predicted.pixels[3] = 1000;  // unknown
  const Raster<float> aligned = aligned_depth(predicted, truth);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(aligned.pixels[i], truth.pixels[i], 1e-5);
  predicted.pixels = {1, 2, 2, 0};  // least squares: the first fits, the others meet in the middle
  EXPECT_NEAR(aligned_depth(predicted, truth).pixels[0], 1, 1e-5);
  EXPECT_NEAR(aligned_depth(predicted, truth).pixels[1], 3.5, 1e-5);
  predicted.pixels = {4, 4, 4, 4};
  EXPECT_NEAR(aligned_depth(predicted, truth).pixels[3], 8.0 / 3, 1e-5);
  truth.pixels = {0, 0, 0, 0};
  EXPECT_THROW(aligned_depth(predicted, truth), Error);
}

// The values of unknown pixels change no measure.
TEST(KnownPixels, AloneCount) {
  const Image truth = noise(40, 30, 1), other = noise(40, 30, 2);
  Image a = truth, b = truth;
  KnownPixels known(truth.area(), 1);
  for (size_t i = 0; i < known.size(); ++i)
    if (i % 40 >= 20) {  // the right half is not known
      known[i] = 0;
      for (size_t c = 0; c < 3; ++c) a.pixels[3 * i + c] = 0, b.pixels[3 * i + c] = other.pixels[3 * i + c];
    }
  Image wrong_a = a, wrong_b = b;
  for (int y = 0; y < 30; ++y) wrong_a.at(3, y)[1] = wrong_b.at(3, y)[1] = 9;
  EXPECT_NEAR(ssim(a, b, known), 1, 1e-12);
  EXPECT_EQ(ssim(wrong_a, truth, known), ssim(wrong_b, truth, known));
  EXPECT_LT(ssim(wrong_a, truth, known), 0.999);
  EXPECT_EQ(psnr(wrong_a, truth, known), psnr(wrong_b, truth, known));
  EXPECT_EQ(psnr(a, b, known), INFINITY);
  EXPECT_NEAR(psnr(wrong_a, truth, known), psnr(crop(wrong_a, 0, 0, 20, 30), crop(truth, 0, 0, 20, 30)), 1e-9);
  EXPECT_EQ(mean_angle(wrong_a, truth, known), mean_angle(wrong_b, truth, known));
  const Image blocks = block_mean(a, 16, known);
  EXPECT_EQ(crop(blocks, 16, 0, 4, 16), crop(block_mean(crop(a, 16, 0, 4, 16), 16), 0, 0, 4, 16));
  EXPECT_THROW(mean_angle(a, b, KnownPixels(truth.area(), 0)), Error);
  EXPECT_THROW(ssim(a, b, KnownPixels(truth.area(), 0)), Error);
}

TEST(MeanAngle, RightAnglesAndOpposites) {
  Image up(1, 1, 3), right(1, 1, 3), down(1, 1, 3);
  up.pixels = {128, 255, 128};
  right.pixels = {255, 128, 128};
  down.pixels = {128, 0, 128};
  EXPECT_NEAR(mean_angle(up, up), 0, 1e-6);
  EXPECT_NEAR(mean_angle(up, right), 90, 0.5);
  EXPECT_NEAR(mean_angle(up, down), 180, 0.7);
}

TEST(NormalErrors, MedianAndShares) {
  const std::vector<double> degrees{2, 5, 15, 25, 80};
  Image truth(5, 1, 3), predicted(5, 1, 3);
  for (size_t i = 0; i < degrees.size(); ++i) {
    const double angle = degrees[i] * std::numbers::pi / 180;
    const std::array<double, 3> up{0, 0, 1}, turned{std::sin(angle), 0, std::cos(angle)};
    for (size_t c = 0; c < 3; ++c) {
      truth.pixels[3 * i + c] = static_cast<uint8_t>(std::lround((up[c] + 1) * 127.5));
      predicted.pixels[3 * i + c] = static_cast<uint8_t>(std::lround((turned[c] + 1) * 127.5));
    }
  }
  const NormalErrors errors = normal_errors(predicted, truth);
  EXPECT_NEAR(errors.mean, 127.0 / 5, 0.6);  // 8 bits
  EXPECT_NEAR(errors.median, 15, 0.6);
  EXPECT_EQ(errors.within_11, 0.4);
  EXPECT_EQ(errors.within_22, 0.6);
  EXPECT_EQ(errors.within_30, 0.8);
  EXPECT_NEAR(normal_errors(predicted, truth, {1, 0, 1, 0, 0}).median, (2 + 15) / 2.0, 0.6) << "of an even number";
}

TEST(MeanIou, OverClassesOfTheTruth) {
  Image truth(4, 1, 1), predicted(4, 1, 1);
  truth.pixels = {0, 0, 1, 1};
  predicted.pixels = {0, 1, 1, 1};
  Confusion confusion(5);
  confusion.add(predicted, truth);
  EXPECT_NEAR(confusion.mean_iou(), (1.0 / 2 + 2.0 / 3) / 2, 1e-12);
  EXPECT_NEAR(confusion.accuracy(), 0.75, 1e-12);
  EXPECT_NEAR(confusion.mean_accuracy(), (1.0 / 2 + 1) / 2, 1e-12);
  EXPECT_NEAR(confusion.iou(1).value(), 2.0 / 3, 1e-12);
  EXPECT_FALSE(confusion.iou(2).has_value()) << "not in the truth";
  // A class that is only predicted takes from the class whose place it has, and is none of its own.
  Confusion invented(5);
  predicted.pixels = {0, 4, 1, 1};
  invented.add(predicted, truth);
  EXPECT_NEAR(invented.mean_iou(), (1.0 / 2 + 1) / 2, 1e-12);
  predicted.pixels[0] = 9;
  EXPECT_THROW(confusion.add(predicted, truth), Error);
}

TEST(MeanCosine, AnglesNotLengths) {
  EXPECT_NEAR(mean_cosine({1, 0, 0, 2}, {5, 0, 3, 0}, 2), 0.5, 1e-12);  // 0 and 90 degrees
  EXPECT_NEAR(mean_cosine({1, 1}, {-2, -2}, 2), -1, 1e-12);
  EXPECT_THROW(mean_cosine({1, 2, 3}, {1, 2, 3}, 2), Error);
}

}  // namespace
}  // namespace fourm
