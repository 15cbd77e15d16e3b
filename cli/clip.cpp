// fourm clip train|features|score
#include <cmath>
#include <cstdio>
#include <numeric>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/outputs.h"
#include "cli/training.h"
#include "cli/usage.h"
#include "fourm/clip/image_text.h"
#include "fourm/core/json.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_file.h"
#include "fourm/train/clip_training.h"

namespace fourm {
namespace {

struct ClipOptions {
  std::string model, in, out, image, text;
  std::vector<std::string> texts;
  bool json = false, overwrite = false;
  int64_t size = 0;
  OneDeviceConfig compute;
};

void features(const ClipOptions& options) {
  check_writable_folder(options.out);
  const ImageText model = ImageText::open(options.model, options.compute);
  const auto files = list_images(options.in);
  const auto outputs = outputs_of(files, {options.in}, options.out, ".npy", options.overwrite);
  write_features(model, files, outputs, options.size);
}

void score(const ClipOptions& options) {
  const ImageText model = ImageText::open(options.model, options.compute);
  const Embedding image = model.embed(std::vector<StoredImage>{read_stored_image({}, options.image)})[0];
  std::vector<double> cosines, shares;
  for (const auto& text : model.embed(options.texts)) cosines.push_back(similarity(image, text));
  const double highest = *std::max_element(cosines.begin(), cosines.end());
  for (const double c : cosines) shares.push_back(std::exp(model.scale() * (c - highest)));
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  Json rows = Json::array();
  for (size_t i = 0; i < cosines.size(); ++i) {
    if (options.json)
      rows.push_back({{"text", options.texts[i]}, {"score", 100 * cosines[i]}, {"probability", shares[i] / sum}});
    else
      std::printf("%6.2f  %6.4f  %s\n", 100 * cosines[i], shares[i] / sum, options.texts[i].c_str());
  }
  if (options.json) std::printf("%s\n", json_text(rows, 2).c_str());
}

}  // namespace

void add_clip(CLI::App& program) {
  auto options = std::make_shared<ClipOptions>();
  auto* command = program.add_subcommand("clip", "Train an image-text model; features of images, scores of texts");
  command->require_subcommand(1);

  auto* train_command =
      command->add_subcommand("train", "Train with a contrastive loss; the same command resumes an interrupted run");
  train_command->footer("Example:\n  fourm clip train configs/rooms/clip.yaml out=runs/try training.steps=100");
  add_training<ClipRecipe>(*train_command, "the recipe (configs/rooms/clip.yaml)", train_clip);

  const auto with_model = [&](const char* name, const char* help) {
    auto* sub = command->add_subcommand(name, help);
    sub->add_option("--model", options->model, "folder of `fourm clip train`, or a CLIP in the layout of Hugging Face")
        ->transform(model_path())
        ->required();
    add_config_options(*sub, options->compute, "", "Engine");
    return sub;
  };
  auto* features_command = with_model("features", "Images to feature maps: .npy [width, rows, columns] of float16");
  features_command->add_option("--in", options->in, "folder of images; their middle squares are taken")->required();
  features_command->add_option("--out", options->out, "folder to write into")->required();
  add_overwrite(*features_command, options->overwrite);
  features_command
      ->add_option("--size", options->size, "pixels per side that images are resized to; default: those of the model")
      ->check(CLI::Range(1, 1 << 13));
  features_command->footer(
      "Examples:\n"
      "  fourm clip features --model runs/rooms/clip/model --in runs/rooms/val/rgb --out runs/rooms/val/clip\n"
      "  fourm clip features --model clip-vit-base-patch16 --in photos/rgb --out photos/clip --size 448");
  features_command->callback([options] { features(*options); });

  auto* score_command = with_model("score", "How well texts fit an image: 100 x cosine, and probabilities among them");
  score_command->add_option("--image", options->image, "the image")->required();
  score_command->add_option("--text", options->texts, "the texts")->required();
  score_command->add_flag("--json", options->json, "machine-readable");
  score_command->footer(
      "Example:\n  fourm clip score --model runs/rooms/clip/model --image room.png "
      "--text 'a kitchen with a table' 'a bathroom with a bathtub'");
  score_command->callback([options] { score(*options); });

  auto* search_command = command->add_subcommand("search", "")->group("")->allow_extras();
  search_command->callback([] {
    throw UsageError(
        "clip search is now `fourm search --model MODEL --images FOLDER --in caption=TEXT`, with a 4M model; "
        "`fourm search --help` explains it");
  });
}

}  // namespace fourm
