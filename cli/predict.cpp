// fourm predict
#include "fourm/transfer/predict.h"

#include <set>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/outputs.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/io/image_file.h"

namespace fourm {
namespace {

// The file in the folder of predictions that is about all images; "": none is.
std::string file_of_all(Task task, const PredictionFiles& files) {
  switch (task) {
    case Task::kClassification: return concat("predictions.", files.format);
    case Task::kSemseg: return "dataset.yaml";
    case Task::kDetection: return "predictions.json";
    case Task::kDepth: break;
  }
  return "";
}

struct PredictOptions {
  std::string model, out;
  std::vector<std::string> in;
  bool flip = false, overwrite = false;
  PredictionFiles files;
  OneDeviceConfig compute;
};

// OUT/NAME.png of each file. Beside it OUT/NAME_view.png is written, which must replace nothing either.
std::vector<fs::path> image_outputs(const std::vector<fs::path>& files, const PredictOptions& o) {
  const auto outputs = outputs_of(files, o.in, o.out, ".png", o.overwrite);
  const std::set<fs::path> taken(outputs.begin(), outputs.end());
  for (const fs::path& output : outputs) {
    const fs::path view = view_file(output);
    check(!taken.contains(view), view.string(),
          " would be the prediction of one image and the view of another; give them to two runs with an --out each");
    check_not_there(view, o.overwrite);
    for (const fs::path& file : files) check_other_than(file, view);
  }
  return outputs;
}

}  // namespace

void add_predict(CLI::App& program) {
  const auto o = std::make_shared<PredictOptions>();
  auto* command = program.add_subcommand("predict", "Predict classes, maps or boxes of images with a fine-tuned model");
  command->add_option("--model", o->model, "model folder, or folder of a finished run of `fourm finetune`")
      ->transform(model_path())
      ->required();
  command->add_option("--in", o->in, "images, or folders of images")->required();
  command->add_option("--out", o->out, "folder to write")->required();
  add_overwrite(*command, o->overwrite);
  command->add_flag("--flip", o->flip,
                    "the mean of the predictions of an image and its mirror image; not for detection");
  command->add_option("--format", o->files.format, "format of tables")
      ->check(CLI::IsMember({"csv", "json"}))
      ->capture_default_str();
  command->add_option("--top", o->files.top, "classes of an image in a table")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  add_config_options(*command, o->compute, "", "Engine");
  command->footer(
      "Classes are written as a table, semantic maps as palette PNGs with a view that has a legend, depth as 16-bit "
      "PNGs in\n"
      "millimetres with a view in colours, boxes as COCO JSON.\n\n"
      "Examples:\n"
      "  fourm predict --model runs/class --in photos --out classes --format json\n"
      "  fourm predict --model runs/semseg --in photos/kitchen.jpg --out maps");
  command->callback([o] {
    check_writable_folder(o->out);
    const Predictor predictor = Predictor::open(o->model, o->compute);
    std::vector<fs::path> files;
    for (const auto& path : o->in) {
      if (!fs::is_directory(path)) {
        files.emplace_back(path);
        continue;
      }
      const auto images = list_images(path);
      files.insert(files.end(), images.begin(), images.end());
    }
    const Task task = predictor.config().kind();
    if (o->flip && task == Task::kDetection) throw UsageError("--flip is not for detection");
    const auto outputs = task == Task::kClassification ? std::vector<fs::path>() : image_outputs(files, *o);
    if (const std::string table = file_of_all(task, o->files); !table.empty())
      check_not_there(fs::path(o->out) / table, o->overwrite);
    write_predictions(predictor, files, outputs, o->out, o->flip, o->files);
    note(o->out, ": predictions of ", counted(static_cast<int64_t>(files.size()), "image"));
  });
}

}  // namespace fourm
