// Measures of generated images against pytorch-fid and NumPy (inception_values.py).
#include "fourm/eval/generation_scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "fourm/core/error.h"
#include "fourm/eval/frechet.h"
#include "fourm/eval/inception.h"
#include "tests/support/message_of.h"
#include "tests/support/ranks.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// n numbers from -1 to below 1, those of inception_values.py.
std::vector<double> uniform(uint64_t seed, size_t n) {
  std::vector<double> numbers(n);
  for (size_t i = 0; i < n; ++i) {
    uint64_t x = (i + seed * 1000003u) * 0x9E3779B97F4A7C15u;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9u;
    numbers[i] = static_cast<double>(x >> 40) / (1 << 23) - 1;
  }
  return numbers;
}

// Random weights that depend on their names.
class NamedSource : public ParameterSource {
 public:
  Tensor get(const std::string& name, at::IntArrayRef shape, const Init&) override {
    uint64_t seed = 0;
    for (const char c : name) seed = (seed * 131 + static_cast<unsigned char>(c)) % (uint64_t{1} << 31);
    int64_t n = 1;
    for (const int64_t extent : shape) n *= extent;
    std::vector<double> values = uniform(seed, static_cast<size_t>(n));
    const double fan_in = static_cast<double>(n) / static_cast<double>(shape[0]);
    for (double& u : values) {
      if (name.ends_with("conv.weight") || name == "fc.weight")
        u *= std::sqrt(6 / fan_in);
      else if (name.ends_with("running_var"))
        u = 1 + 0.5 * u;
      else if (name.ends_with("bn.weight"))
        u = 1 + 0.2 * u;
      else
        u *= 0.1;
    }
    return at::tensor(values, at::kDouble).to(at::kFloat).view(shape);
  }
  bool has(const std::string&) const override { return true; }
  std::shared_ptr<const Kernels> kernels() const override { return make_kernels(Compute::for_reference()); }
};

Image random_image(uint64_t seed, int width, int height) {
  const std::vector<double> u = uniform(seed, 4 * 4 * 3);
  Image image(width, height, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.at(x, y)[c] = static_cast<uint8_t>(
            (u[static_cast<size_t>((y * 4 / height * 4 + x * 4 / width) * 3 + c)] + 1) * 100 + (x * 3 + y * 5) % 50);
  return image;
}

class InceptionValues : public testing::Test {
 protected:
  std::vector<float> numbers(size_t n) {
    std::vector<float> values(n);
    for (float& value : values) EXPECT_TRUE(file_ >> value);
    return values;
  }
  std::vector<Embedding> rows(size_t n, size_t width) {
    std::vector<Embedding> all;
    for (size_t i = 0; i < n; ++i) all.push_back(numbers(width));
    return all;
  }
  std::ifstream file_{fs::path(FOURM_SOURCE_DIR) / "tests/eval/inception_values.txt"};
};

TEST_F(InceptionValues, EqualThoseOfPytorchFid) {
  NamedSource source;
  const Inception network(source);
  for (const auto& image : {random_image(1, 64, 48), random_image(2, 320, 300)}) {
    const auto [features, logits] = network({image});
    for (const auto& [found, n] : {std::pair{features[0], size_t{64}}, std::pair{logits[0], size_t{32}}}) {
      const std::vector<float> expected = numbers(n);
      for (size_t i = 0; i < n; ++i)
        EXPECT_NEAR(found[static_cast<int64_t>(i)].item<float>(), expected[i],
                    1e-3 * std::max(1.0F, std::abs(expected[i])));
    }
  }
  const auto a = rows(60, 8), b = rows(50, 8);
  const auto near = [](double found, double expected) { EXPECT_NEAR(found, expected, 1e-4 * expected); };
  near(frechet_distance(a, b), numbers(1)[0]);
  std::vector<Embedding> logits = a;
  for (auto& row : logits)
    for (float& v : row) v *= 3;
  const InceptionScore score = inception_score(logits, 10);
  near(score.mean, numbers(1)[0]);
  near(score.deviation, numbers(1)[0]);
  const PrecisionAndRecall manifold = precision_and_recall(a, b);
  near(manifold.precision, numbers(1)[0]);
  near(manifold.recall, numbers(1)[0]);
}

TEST(GenerationScores, RefuseSetsThatAreTooSmall) {
  const std::vector<Embedding> three{{1, 2}, {3, 4}, {5, 7}};
  EXPECT_THROW(precision_and_recall(three, three, 3), Error);
  EXPECT_EQ(precision_and_recall(three, three, 2).recall, 1);
  EXPECT_THROW(inception_score(three, 4), Error);
  EXPECT_THROW(inception_score({}, 1), Error);
  EXPECT_NEAR(inception_score({{9, 0, 0}, {9, 0, 0}}, 1).mean, 1, 1e-12) << "all of one class";
  EXPECT_NEAR(inception_score({{99, 0, 0}, {0, 99, 0}, {0, 0, 99}}, 1).mean, 3, 1e-6);
}

TEST(GenerationScores, ARunGoesOnFromStoredFeatures) {
  const test::TemporaryFolder folder;
  NamedSource source;
  NamedTensors tensors;
  {
    Parameters all;
    struct Recorder : NamedSource {
      NamedTensors* to;
      Tensor get(const std::string& name, at::IntArrayRef shape, const Init& init) override {
        to->emplace_back(name, NamedSource::get(name, shape, init));
        return to->back().second;
      }
    } recorder;
    recorder.to = &tensors;
    const Inception network(recorder);
  }
  save_tensors(folder / "inception.safetensors", tensors);
  for (const char* set : {"generated", "real"}) {
    make_folder(folder / set);
    for (int i = 0; i < 10; ++i)
      write_png(folder / set / (std::to_string(i) + ".png"),
                random_image(static_cast<uint64_t>(i + (*set == 'r')), 8, 8));
  }
  const GenerationOptions options{folder / "generated", folder / "real", folder / "inception.safetensors",
                                  folder / "store"};
  const GenerationScores first = score_generation(options);
  EXPECT_EQ(first.generated, 10);
  EXPECT_GT(first.frechet, 0);
  EXPECT_GE(first.manifold.precision, 0.9) << "nine of ten images are in both sets";
  fs::remove(folder / "store/real/0.npy");
  EXPECT_EQ(to_json(score_generation(options)), to_json(first));
  fs::remove(folder / "store/generated/0.npy");
  test::in_ranks(
      2, [&](const ProcessGroup& group) { EXPECT_EQ(to_json(score_generation(options, group)), to_json(first)); });
  fs::remove(folder / "real/9.png");
  write_png(folder / "real/z.png", random_image(99, 9, 9));
  EXPECT_NE(test::message_of([&] {
              score_generation(options);
            }).find("real: was made from other images or with other options"),
            std::string::npos);
  fs::remove(folder / "real/z.png");
  EXPECT_NE(test::message_of([&] { score_generation(options); }).find("holds 9 images, expected ten or more"),
            std::string::npos);
}

}  // namespace
}  // namespace fourm
