// The library in forty lines: one pipeline, opened once, reads several images at the same time.
//
//   read_images models/rooms-ti OUT a.png b.png     # OUT/a_depth.png and a caption for each image
#include <cstdio>
#include <exception>
#include <future>
#include <vector>

#include "fourm/core/error.h"
#include "fourm/generate/pipeline.h"

namespace {

// Depth as an image in OUT, and the caption that the model gives.
std::string describe(const fourm::Pipeline& pipeline, const fourm::fs::path& image, const fourm::fs::path& out) {
  std::vector<fourm::Canvas> canvases(1);
  fourm::Canvas& canvas = canvases[0];
  pipeline.add_input(canvas, "rgb@128", image.string());
  const std::vector<std::string> wanted{"tok_depth@128", "caption"};
  for (const auto& modality : wanted) pipeline.add_target(canvas, modality);
  pipeline.run(canvases, pipeline.default_plan(canvas, wanted), {.seed = 1});
  fourm::write_png(out / image.stem().concat("_depth.png"), pipeline.visualize(canvas, "tok_depth@128"));
  return pipeline.text(canvas, "caption");
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL OUT IMAGE...\n", argv[0]);
    return 2;
  }
  const auto pipeline = fourm::Pipeline::open({.model = argv[1]});
  std::vector<std::future<std::string>> captions;
  for (int i = 3; i < argc; ++i)
    captions.push_back(std::async(std::launch::async, describe, std::cref(pipeline), argv[i], argv[2]));
  for (int i = 3; i < argc; ++i) std::printf("%s: %s\n", argv[i], captions[i - 3].get().c_str());
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
