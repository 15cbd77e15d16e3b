#include "fourm/eval/folder_distance.h"

#include <algorithm>

#include "fourm/clip/image_text.h"
#include "fourm/core/error.h"
#include "fourm/core/strings.h"
#include "fourm/eval/frechet.h"
#include "fourm/eval/image_rows.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/weights.h"

namespace fourm {
namespace {

struct SquareEmbeddings {
  int64_t images = 0, squares = 0;    // squares of an image
  std::vector<Embedding> embeddings;  // of all squares
};

class FolderEmbedder {
 public:
  FolderEmbedder(const FolderDistanceOptions& options, const ProcessGroup& group)
      : options_(options),
        group_(group),
        model_(ImageText::open(options.model, {.device = options.device})),
        weights_(weights_digest(model_folder(options.model))) {}

  SquareEmbeddings operator()(const std::string& name, const fs::path& folder) const {
    const auto files = list_images(folder);
    check(files.size() >= 2, folder.string(), ": holds ", counted(static_cast<int64_t>(files.size()), "image"),
          ", expected two or more");
    const auto side = static_cast<int>(options_.resize);
    const Image first_image = side == 0 ? read_image(files[0]) : Image(side, side, 3);
    const size_t squares = squares_of({first_image}, image_size()).size();
    const int64_t width = model_.width();
    ImageRowsOptions rows;
    rows.name = "embeddings_" + name;
    rows.images = folder;
    rows.resize = options_.resize;
    rows.width = static_cast<int64_t>(squares) * width;
    rows.store = options_.store;
    rows.depends_on = {{"model", weights_}};
    const auto compute = [&](const std::vector<Image>& images, size_t first) {
      const std::vector<Embedding> embedded = model_.embed(squares_of({images.begin(), images.end()}, image_size()));
      check(embedded.size() == images.size() * squares, folder.string(), ": images ", first, " to ",
            first + images.size() - 1, " are not all of the size of the first; give --resize");
      const Tensor table = at::empty({static_cast<int64_t>(embedded.size()), width}, at::kFloat);
      for (size_t i = 0; i < embedded.size(); ++i)
        std::copy(embedded[i].begin(), embedded[i].end(), table.data_ptr<float>() + static_cast<int64_t>(i) * width);
      return table.view({static_cast<int64_t>(images.size()), -1});
    };
    const Tensor table = image_rows(rows, compute, group_).reshape({-1, width});
    return {static_cast<int64_t>(files.size()), static_cast<int64_t>(squares), embeddings_of(table, 0, width)};
  }

 private:
  int image_size() const { return static_cast<int>(model_.image_size()); }

  const FolderDistanceOptions& options_;
  const ProcessGroup& group_;
  ImageText model_;
  std::string weights_;
};

}  // namespace

FolderDistance folder_distance(const FolderDistanceOptions& options, const ProcessGroup& group) {
  const FolderEmbedder embed(options, group);
  const SquareEmbeddings generated = embed("generated", options.generated), real = embed("real", options.real);
  check(generated.squares == real.squares, options.generated.string(), ": images of ", generated.squares,
        " squares of the image-text model's size, but ", options.real.string(), " has images of ", real.squares,
        "; give --resize");
  return {generated.images, real.images, real.squares, frechet_distance(generated.embeddings, real.embeddings)};
}

Json to_json(const FolderDistance& distance) {
  return {{"generated", distance.generated},
          {"real", distance.real},
          {"squares", distance.squares},
          {"Frechet_distance", distance.distance}};
}

}  // namespace fourm
