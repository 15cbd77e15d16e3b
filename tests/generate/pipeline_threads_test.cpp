// One pipeline used by several threads at once.
#include <gtest/gtest.h>

#include <thread>

#include "fourm/generate/pipeline.h"
#include "tests/support/small_model.h"
#include "tests/support/temporary_folder.h"

namespace fourm {
namespace {

// Everything that is made at first use (tokenizers, packed weights) is first used here by all threads at once.
TEST(PipelineThreads, EachThreadGetsWhatItGetsAlone) {
  const test::TemporaryFolder folder;
  test::write_small_model(folder / "model");
  Image image(32, 32, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 37 % 256);
  write_file(folder / "a.png", encode_png(image));
  struct Result {
    std::vector<int64_t> tokens, words;
    Image shown;
    bool operator==(const Result&) const = default;
  };
  const auto generate = [&](const Pipeline& pipeline, uint64_t seed) {
    std::vector<Canvas> canvases(1);
    pipeline.add_input(canvases[0], "rgb@32", (folder / "a.png").string());
    pipeline.add_target(canvases[0], "tok_rgb@32");
    pipeline.add_target(canvases[0], "caption");
    Plan plan = pipeline.default_plan(canvases[0], {"tok_rgb@32", "caption"});
    pipeline.run(canvases, plan, {.seed = seed});
    return Result{pipeline.tokens(canvases[0], "tok_rgb@32"), pipeline.tokens(canvases[0], "caption"),
                  pipeline.visualize(canvases[0], "tok_rgb@32")};
  };
  constexpr size_t kThreads = 4;
  const Pipeline shared = Pipeline::open({.model = folder / "model"});
  std::vector<Result> together(kThreads);
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < kThreads; ++t) threads.emplace_back([&, t] { together[t] = generate(shared, t / 2); });
  }
  const Pipeline alone = Pipeline::open({.model = folder / "model"});
  for (size_t t = 0; t < kThreads; ++t) EXPECT_EQ(together[t], generate(alone, t / 2)) << "thread " << t;
}

}  // namespace
}  // namespace fourm
