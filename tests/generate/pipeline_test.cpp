// The pipeline on a small model: what it reads, and what it writes.
#include "fourm/generate/pipeline.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "fourm/core/error.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/rng.h"
#include "fourm/io/npy.h"
#include "tests/support/small_model.h"

namespace fourm {
namespace {

class PipelineTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_quiet(true);
    root_ = fs::temp_directory_path() / ("fourm_pipeline_" + std::to_string(getpid()));
    test::write_small_model(root_ / "model");
    pipeline_ = std::make_unique<Pipeline>(Pipeline::open({.model = root_ / "model"}));
    Image image(40, 32, 3);
    Random random(3);
    for (auto& p : image.pixels) p = static_cast<uint8_t>(random.below(256));
    for (const char* name : {"a.png", "B.PNG", "image without ending"}) write_file(root_ / name, encode_png(image));
  }
  static void TearDownTestSuite() {
    pipeline_.reset();
    fs::remove_all(root_);
  }

  static std::string file(const std::string& name) { return (root_ / name).string(); }
  static std::string written(const std::string& name, const std::string& bytes) {
    write_file(root_ / name, bytes);
    return file(name);
  }

  static std::vector<int64_t> tokens(const std::string& modality, const std::string& value) {
    Canvas canvas;
    pipeline_->give(canvas, modality, value);
    return pipeline_->tokens(canvas, modality);
  }
  static std::string text(const std::string& modality, const std::string& value) {
    Canvas canvas;
    pipeline_->give(canvas, modality, value);
    return pipeline_->text(canvas, modality);
  }
  static std::string failure(const std::string& modality, const std::string& value) {
    try {
      tokens(modality, value);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  // What give() says on stderr.
  static std::string warnings(const std::string& modality, const std::string& value) {
    testing::internal::CaptureStderr();
    tokens(modality, value);
    return testing::internal::GetCapturedStderr();
  }

  static inline fs::path root_;
  static inline std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(PipelineTest, TextsAndTheirFiles) {
  EXPECT_EQ(text("caption", "a chair"), "a chair");
  EXPECT_EQ(text("caption", written("one.txt", "a table\n")), "a table");
  EXPECT_EQ(text("caption", written("LOUD.TXT", "a table")), "a table");
  EXPECT_EQ(text("caption", written("two.txt", "a table\non the left\n")), "a table on the left") << "one value";
  EXPECT_EQ(text("caption", "@" + file("one.txt")), "a table");
  EXPECT_EQ(text("caption", "@" + written("prompt", "\n a chair \n\n")), "a chair");
  EXPECT_NE(failure("caption", "@" + file("two.txt")).find("two.txt: holds 2 lines"), std::string::npos);
  EXPECT_NE(failure("caption", "@" + file("none")).find("no such file"), std::string::npos);
  EXPECT_NE(failure("caption", "none.txt").find("'none.txt': no such file; write text: in front"), std::string::npos);
  EXPECT_NE(failure("caption", "none.JSON").find("no such file"), std::string::npos);
  EXPECT_EQ(text("caption", "text:a chair"), "a chair");
  EXPECT_EQ(tokens("caption", "text:" + file("one.txt")), tokens("caption", "text:" + file("one.txt")));
  EXPECT_NE(text("caption", "text:" + file("one.txt")), "a table") << "the name itself";
  EXPECT_NE(text("caption", "text:@table"), "");
  EXPECT_EQ(text("caption", written("list.json", R"(["a chair", "a table"])")), "a chair");
}

TEST_F(PipelineTest, BoxesComeBackFromTheirFile) {
  const std::string boxes = "v0=3 v1=4 v2=20 v3=30 chair v0=5 v1=6 v2=21 v3=31 table";
  Canvas canvas;
  pipeline_->give(canvas, "det", boxes);
  const auto files = pipeline_->write_tokens(canvas, "det", root_ / "out", "det");
  ASSERT_EQ(files.size(), 3u);
  for (const auto& path : files) EXPECT_EQ(text("det", path.string()), boxes) << path;
  fs::copy_file(files[2], root_ / "BOXES.JSON");
  EXPECT_EQ(text("det", file("BOXES.JSON")), boxes);
  EXPECT_EQ(text("det", "@" + files[2].string()), boxes);
}

TEST_F(PipelineTest, ImagesAndTokens) {
  const auto expected = tokens("tok_rgb@32", file("a.png"));
  ASSERT_EQ(expected.size(), 16u);
  for (const char* name : {"B.PNG", "@a.png", "@image without ending"})
    EXPECT_EQ(tokens("tok_rgb@32", name[0] == '@' ? "@" + file(name + 1) : file(name)), expected) << name;
  Canvas canvas;
  pipeline_->give(canvas, "rgb@32", file("B.PNG"));
  // One layout: a file of one image, or of crops.
  const auto stored = [&](const std::string& name, const std::vector<int64_t>& shape) {
    auto all = expected;
    all.resize(static_cast<size_t>(NpyArray{"", shape, ""}.count()), 7);
    write_npy(root_ / name, npy_from_integers(all, shape, "i2"));
    return file(name);
  };
  EXPECT_EQ(tokens("tok_rgb@32", stored("flat.npy", {16})), expected);
  EXPECT_EQ(tokens("tok_rgb@32", stored("CROPS.NPY", {3, 16})), expected);
  EXPECT_NE(failure("tok_rgb@32", stored("short.npy", {3, 4})).find("short.npy: has 4 tokens"), std::string::npos);
  for (const char* value : {"a photo", "text:a.png"})
    EXPECT_NE(failure("tok_rgb@32", value).find("takes a file (.npy, .png"), std::string::npos) << value;
  EXPECT_EQ(failure("rgb@32", "b.png"), "'b.png': no such file");
}

TEST_F(PipelineTest, VectorsAreGiven) {
  write_npy(root_ / "vectors.npy", npy_from_floats({1, 2, 3, 4, 5, 6}, {2, 3}));
  Canvas canvas;
  pipeline_->give(canvas, "vectors", file("vectors.npy"));
  EXPECT_EQ(canvas.at("vectors").data.values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_NE(failure("vectors", "1 2 3").find("takes a file"), std::string::npos);
}

TEST_F(PipelineTest, TextThatIsLikelyMeantOtherwiseIsAWarning) {
  EXPECT_EQ(warnings("caption", "a chair"), "");
  EXPECT_NE(warnings("caption", file("a.png")).find("although a"), std::string::npos);
  EXPECT_EQ(warnings("caption", "text:" + file("a.png")), "");
  EXPECT_NE(warnings("det", "a chair").find("holds no box"), std::string::npos);
  EXPECT_EQ(warnings("det", "v0=1 v1=2 v2=3 v3=4 chair"), "");
  EXPECT_EQ(warnings("det", ""), "") << "no boxes";
}

// Tokens of several codebooks: the modality is a row of them, the tokenizer has one position.
TEST_F(PipelineTest, CodebooksOfOnePositionAreDecoded) {
  write_npy(root_ / "global.npy", npy_from_floats({0.5f, -1, 2, 0.25f, -3, 1}, {6}));
  Canvas canvas;
  pipeline_->give(canvas, "tok_global@32", file("global.npy"));
  ASSERT_EQ(pipeline_->tokens(canvas, "tok_global@32").size(), 16u);
  const auto tokenizer = PictureTokenizer::open(root_ / "model/tokenizers/tok_global@32");
  const auto direct = tokenizer.decode(tokenizer.encode({read_picture(tokenizer.input(), root_ / "global.npy")}))[0];
  EXPECT_EQ(pipeline_->picture(canvas, "tok_global@32"), direct);

  std::vector<Canvas> canvases(1);
  pipeline_->give(canvases[0], "caption", "a chair");
  pipeline_->run(canvases, pipeline_->default_plan(canvases[0], {"tok_global@32"}), {.seed = 1});
  const auto files = pipeline_->write_tokens(canvases[0], "tok_global@32", root_ / "out", "global");
  const auto decoded = pipeline_->write_decoded(canvases[0], "tok_global@32", root_ / "out", "global");
  ASSERT_EQ(files.size(), 1u);
  ASSERT_EQ(decoded.size(), 2u);
  const auto maps = tokenizer.token_maps(read_npy(files[0]), "global.npy");
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(read_picture(tokenizer.input(), decoded[0]), tokenizer.decode(maps)[0]);
}

// What guidance leaves out is decided for each canvas, so that a canvas has the same result in any company.
TEST_F(PipelineTest, EachCanvasHasItsOwnConditions) {
  std::vector<Canvas> canvases(4);
  for (size_t i = 0; i < canvases.size(); ++i) canvases[i].key = i;
  pipeline_->give(canvases[0], "caption", "a chair");
  pipeline_->give(canvases[1], "rgb@32", file("a.png"));
  pipeline_->give(canvases[2], "caption", "a table");
  Plan plan;
  plan.targets.resize(1);
  plan.targets[0].modality = "tok_rgb@32";
  plan.targets[0].steps = 3;
  plan.targets[0].guidance = 8;
  std::vector<std::vector<int64_t>> alone;
  for (const auto& canvas : canvases) {
    std::vector<Canvas> one{canvas};
    EXPECT_TRUE(pipeline_->run(one, plan, {.seed = 5}));
    alone.push_back(pipeline_->tokens(one[0], "tok_rgb@32"));
  }
  std::vector<int64_t> steps;
  int64_t all = 0;
  EXPECT_TRUE(pipeline_->run(canvases, plan, {.seed = 5, .on_step = [&](int64_t step, int64_t count, const auto&) {
                                                all = count;
                                                steps.push_back(step);
                                                return true;
                                              }}));
  for (size_t i = 0; i < canvases.size(); ++i) EXPECT_EQ(pipeline_->tokens(canvases[i], "tok_rgb@32"), alone[i]) << i;
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(all, 9);

  // A named condition is one for all; canvases stay where they are if the run is stopped.
  std::vector<Canvas> stopped(2);
  pipeline_->give(stopped[1], "caption", "a chair");
  EXPECT_FALSE(pipeline_->run(stopped, plan, {.on_step = [](int64_t, int64_t, const auto&) { return false; }}));
  EXPECT_NE(stopped[1].find("caption"), nullptr);
}

}  // namespace
}  // namespace fourm
