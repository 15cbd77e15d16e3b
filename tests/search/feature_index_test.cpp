// Predicted features and their index on a small model.
#include "fourm/search/feature_index.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fourm/core/error.h"
#include "fourm/core/rng.h"
#include "fourm/io/safetensors.h"
#include "tests/support/captured_log.h"
#include "tests/support/message_of.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

class FeatureIndexTest : public testing::Test {
 protected:
  static constexpr int kImages = 7;

  static void SetUpTestSuite() {
    temporary_ = std::make_unique<test::TemporaryFolder>();
    test::write_small_model(*temporary_ / "model");
    pipeline_ = std::make_unique<Pipeline>(Pipeline::open({.model = *temporary_ / "model"}));
    predictor_ = std::make_unique<FeaturePredictor>(*pipeline_);
  }
  static void TearDownTestSuite() {
    predictor_.reset();
    pipeline_.reset();
    temporary_.reset();
  }

  void SetUp() override {
    for (int i = 0; i < kImages; ++i) write_image(i, static_cast<uint64_t>(i));
  }
  fs::path image(int i) const { return folder_ / "images" / concat(i < 5 ? "a" : "sub/b", i, ".png"); }
  void write_image(int i, uint64_t seed) const {
    Random random(seed);
    Image pixels(40, 32, 3);
    for (auto& p : pixels.pixels) p = static_cast<uint8_t>(random.below(256));
    write_file(image(i), encode_png(pixels));
  }
  fs::path file() const { return folder_ / "x.index"; }
  FeatureIndex update(IndexReport& report, const Json& identity = {{"model", "1"}},
                      const IndexOptions& options = {}) const {
    return FeatureIndex::update(*predictor_, identity, folder_ / "images", file(), options, &report);
  }
  static std::vector<std::string> names(const std::vector<FeatureIndex::Match>& matches) {
    std::vector<std::string> names;
    for (const auto& match : matches) names.push_back(match.file.string());
    return names;
  }
  Embedding features(int i) const { return predictor_->predict({read_stored_image({}, image(i))})[0]; }

  static inline std::unique_ptr<test::TemporaryFolder> temporary_;
  static inline std::unique_ptr<Pipeline> pipeline_;
  static inline std::unique_ptr<FeaturePredictor> predictor_;
  test::TemporaryFolder folder_;
};

TEST_F(FeatureIndexTest, FeaturesAreThoseOfTheMostLikelyTokensInUnitLength) {
  EXPECT_EQ(predictor_->modality(), "tok_global@32");
  Canvas canvas;
  pipeline_->add_image(canvas, "rgb@32", read_stored_image({}, image(0)));
  Canvas generated = canvas;
  Plan plan;
  plan.targets = {{.modality = "tok_global@32", .scheme = "roar", .temperature = 0}};
  std::vector<Canvas> canvases{generated};
  pipeline_->run(canvases, plan, {.seed = 9, .draw = true});
  const auto decoded = std::get<Raster<float>>(pipeline_->image(canvases[0], "tok_global@32"));
  double square = 0;
  for (const float value : decoded.pixels) square += value * value;
  const Embedding predicted = predictor_->predict(std::vector<Canvas>{canvas})[0];
  ASSERT_EQ(predicted.size(), decoded.pixels.size());
  for (size_t i = 0; i < predicted.size(); ++i) EXPECT_NEAR(predicted[i], decoded.pixels[i] / std::sqrt(square), 1e-6);
  EXPECT_EQ(predicted, features(0)) << "an image is its pixels on a canvas";
  // Features that are given are not predicted.
  Canvas given;
  pipeline_->add_tokens(given, "tok_global@32", pipeline_->tokens(canvases[0], "tok_global@32"));
  EXPECT_EQ(predictor_->predict(std::vector<Canvas>{given})[0], predicted);
}

TEST_F(FeatureIndexTest, OnlyFeaturesAreFeatures) {
  EXPECT_EQ(FeaturePredictor(*pipeline_, "global").modality(), "tok_global@32");
  for (const char* name : {"caption", "tok_rgb"})
    EXPECT_NE(test::message_of([&] { FeaturePredictor(*pipeline_, name); }).find("these are: tok_global@32"),
              std::string::npos)
        << name;
  EXPECT_NE(test::message_of([&] { FeaturePredictor(*pipeline_, "gloabl"); }).find("did you mean 'global'"),
            std::string::npos);
}

TEST_F(FeatureIndexTest, AnIndexHoldsWhatIsPredictedAndTheNearestComeFirst) {
  IndexReport report;
  const FeatureIndex index = update(report, {{"model", "1"}}, {.batch = 3});
  EXPECT_EQ(report.added, kImages);
  const Embedding query = features(6);
  const auto matches = index.nearest(query, 100);
  ASSERT_EQ(matches.size(), static_cast<size_t>(kImages));
  EXPECT_NEAR(matches[0].score, 1, 1e-5);
  for (size_t i = 1; i < matches.size(); ++i) EXPECT_GE(matches[i - 1].score, matches[i].score);
  for (const auto& match : matches)
    for (int i = 0; i < kImages; ++i)
      if (match.file == image(i)) {
        EXPECT_NEAR(match.score, similarity(query, features(i)), 1e-5);
      }
  EXPECT_EQ(names(index.nearest(query, 2)), (std::vector<std::string>{names(matches)[0], names(matches)[1]}));

  // It is a file of tensors that others can read.
  const SafetensorsFile stored = SafetensorsFile::open(file());
  EXPECT_EQ(stored.find("features")->shape, (std::vector<int64_t>{kImages, 6}));
  EXPECT_EQ(parse_json(stored.metadata().at("files"), "files").size(), static_cast<size_t>(kImages));
}

TEST_F(FeatureIndexTest, NewChangedAndDeletedImagesAreNoticed) {
  IndexReport report;
  const auto before = names(update(report).nearest(features(0), 100));
  update(report);
  EXPECT_EQ(report.kept, kImages);
  EXPECT_EQ(report.added, 0);

  write_image(1, 77);
  fs::last_write_time(image(1), fs::last_write_time(image(1)) + std::chrono::seconds(2));
  fs::remove(image(2));
  fs::copy_file(image(0), folder_ / "images/new.png");
  const FeatureIndex index = update(report);
  EXPECT_EQ(report.kept, kImages - 2);
  EXPECT_EQ(report.added, 2);
  EXPECT_EQ(report.removed, 1);
  const auto found = index.nearest(features(1), 100);
  EXPECT_EQ(found.size(), static_cast<size_t>(kImages));
  EXPECT_NEAR(found[0].score, 1, 1e-5) << "the changed image has its new features";
  update(report);
  EXPECT_EQ(report.kept, kImages) << "and they were written";
}

TEST_F(FeatureIndexTest, AnIndexOfOtherWeightsIsMadeAnew) {
  IndexReport report;
  update(report);
  const test::CapturedLog log;
  update(report, {{"model", "2"}});
  EXPECT_EQ(report.added, kImages);
  EXPECT_NE(log.text().find("the index is of another model"), std::string::npos) << log.text();
  EXPECT_EQ(log.warnings(), "");
}

TEST_F(FeatureIndexTest, IdentityFollowsTheWeights) {
  const PipelineFiles files{.model = *temporary_ / "model"};
  const Json identity = index_identity(files, *pipeline_, *predictor_);
  EXPECT_EQ(identity["features"], "tok_global@32");
  EXPECT_EQ(index_identity(files, *pipeline_, *predictor_), identity);
  for (const char* changed : {"model.safetensors", "tokenizers/tok_global@32/model.safetensors"}) {
    const fs::path file = files.model / changed, original = folder_ / "original";
    fs::rename(file, original);
    write_file(file, read_file(original) + " ");
    EXPECT_NE(index_identity(files, *pipeline_, *predictor_), identity) << changed;
    fs::rename(original, file);
  }
}

TEST_F(FeatureIndexTest, ADamagedIndexIsMadeAnewWithAWarning) {
  IndexReport report;
  update(report);
  const std::string whole = read_file(file());
  for (const std::string& bytes :
       {std::string("no index"), std::string(), whole.substr(0, whole.size() / 2), whole.substr(0, whole.size() - 1)}) {
    write_file(file(), bytes);
    const test::CapturedLog log;
    EXPECT_EQ(update(report).size(), static_cast<size_t>(kImages));
    EXPECT_EQ(report.added, kImages);
    EXPECT_NE(log.warnings().find("the index is rebuilt, since it cannot be read: "), std::string::npos);
    EXPECT_EQ(read_file(file()), whole);
  }
  // A file of tensors, but no index.
  write_safetensors(file(), {}, {{"identity", R"({"model":"1"})"}, {"files", R"([{"path":1}])"}});
  const test::CapturedLog log;
  update(report);
  EXPECT_EQ(report.added, kImages);
  EXPECT_NE(log.warnings().find("holds no features"), std::string::npos) << log.warnings();
}

TEST_F(FeatureIndexTest, AnotherFileIsNotReplaced) {
  const fs::path notes = file().parent_path() / "notes.txt";
  write_file(notes, "what I wrote");
  const std::string message = test::message_of([&] {
    FeatureIndex::update(*predictor_, {{"model", "1"}}, folder_ / "images", notes);
  });
  EXPECT_NE(message.find("notes.txt: is no index of images"), std::string::npos) << message;
  EXPECT_EQ(read_file(notes), "what I wrote");
  for (const char* name : {"model.safetensors", "other.index"}) {
    const fs::path weights = file().parent_path() / name;
    write_safetensors(weights, {}, {{"format", "pt"}});
    const std::string before = read_file(weights);
    EXPECT_THROW(FeatureIndex::update(*predictor_, {{"model", "1"}}, folder_ / "images", weights), Error);
    EXPECT_EQ(read_file(weights), before);
  }
}

TEST_F(FeatureIndexTest, AnImageThatCannotBeReadIsLeftOut) {
  write_file(image(3), "no image");
  const test::CapturedLog log;
  IndexReport report;
  EXPECT_EQ(update(report).size(), static_cast<size_t>(kImages - 1));
  EXPECT_EQ(report.failed, 1);
  EXPECT_NE(log.warnings().find("a3.png"), std::string::npos) << log.warnings();
}

TEST_F(FeatureIndexTest, AnInterruptedRunGoesOn) {
  IndexReport report;
  IndexOptions options{.batch = 2};
  options.stop = [] { return true; };
  update(report, {{"model", "1"}}, options);
  EXPECT_FALSE(report.finished);
  EXPECT_EQ(report.added, 2);
  EXPECT_EQ(update(report).size(), static_cast<size_t>(kImages));
  EXPECT_EQ(report.kept, 2);
  EXPECT_TRUE(report.finished);
}

}  // namespace
}  // namespace fourm
