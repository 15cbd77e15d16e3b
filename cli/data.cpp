// fourm data check|stats|convert|import|label
#include <cstdio>
#include <iostream>
#include <optional>
#include <set>

#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/usage.h"
#include "fourm/clip/image_text.h"
#include "fourm/core/config.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/check.h"
#include "fourm/data/convert.h"
#include "fourm/data/fault_list.h"
#include "fourm/data/import.h"
#include "fourm/data/stats.h"
#include "fourm/draw/gallery.h"
#include "fourm/train/pretraining.h"
#include "fourm/transfer/labelled_set.h"

namespace fourm {
namespace {

struct DataOptions {
  std::string path, out, to = "shards", from, normals, text_tokenizer, modalities, recipe;
  std::string task;
  LabelledData labelled;
  CheckOptions check;
  std::string clip;
  OneDeviceConfig compute;
  int64_t shard_size = 1000, preview = 12, size = 0;
  bool json = false, speed = false, transparency = false, masks = false;
};

// What --recipe, --modalities and --text-tokenizer say about the files of the set.
CheckReport checked(const DataOptions& o) {
  if (!o.task.empty()) {
    LabelledData data = o.labelled;
    data.path = o.path;
    return check_labelled(data, parse_task(o.task), o.check.threads,
                          o.masks ? ObjectMasks::kRequired : ObjectMasks::kNone);
  }
  PretrainConfig recipe;
  if (!o.recipe.empty()) load_config(o.recipe, {}, recipe);
  if (!o.modalities.empty()) recipe.modalities = o.modalities;
  if (!o.text_tokenizer.empty()) recipe.text_tokenizer = o.text_tokenizer;
  recipe = with_model(recipe);
  const ModalityTable table = recipe_modalities(recipe);
  const SetRecipe of_set = recipe_of_set(recipe, o.path);
  std::set<std::string> names(of_set.inputs.begin(), of_set.inputs.end());
  names.insert(of_set.targets.begin(), of_set.targets.end());
  if (o.recipe.empty() && !o.modalities.empty()) {
    ModalityTable own;
    own.extend(fs::path(o.modalities));
    for (const auto& name : own.names()) names.insert(name);
  }
  check(o.recipe.empty() || !names.empty(), o.recipe, ": names no modalities, neither by 'model' nor by 'init'");
  CheckOptions options = o.check;
  options.image_size = recipe.model.image_size;
  options.patch_size = recipe.model.patch_size;
  for (const auto& name : names) options.modalities.push_back(data_modality(recipe, table, name));
  options.table = &table;
  if (!o.recipe.empty()) options.recipe = of_set;
  std::optional<WordPiece> text;
  if (!recipe.text_tokenizer.empty()) options.text = &text.emplace(WordPiece::load(recipe.text_tokenizer));
  return check_data(o.path, options);
}

void run_check(const DataOptions& o) {
  const CheckReport report = checked(o);
  const std::string faults_found = counted(static_cast<int64_t>(report.faults.size()), "fault");
  if (o.json) {
    const auto list = [](const std::vector<Fault>& faults) {
      Json items = Json::array();
      for (const auto& f : faults)
        items.push_back({{"file", f.file}, {"member", f.member}, {"problem", f.problem}, {"remedy", f.remedy}});
      return items;
    };
    const Json json{{"samples", report.samples},
                    {"files", report.files},
                    {"faults", list(report.faults)},
                    {"warnings", list(report.warnings)}};
    std::cout << json_text(json, 2) << "\n";
  } else {
    std::cout << fault_lines(report.warnings, o.path, "warning: ") << fault_lines(report.faults, o.path)
              << counted(report.samples, "sample") << ", " << counted(report.files, "file") << ": "
              << (report.faults.empty() ? "valid" : faults_found);
    if (!report.warnings.empty()) std::cout << ", " << counted(static_cast<int64_t>(report.warnings.size()), "warning");
    std::cout << "\n";
  }
  std::cout.flush();
  check(report.faults.empty(), o.path, ": ", faults_found, " found; the lines above say what to do");
}

// A fraction with three digits that count, everything else as it is.
std::string number_text(const Json& value) {
  if (!value.is_number_float()) return value.dump();
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value.get<double>());
  return text;
}

std::string described(const std::string& modality, const Json& tally) {
  std::string line =
      concat("  ", modality, ": ", counted(tally["files"], "file"), ", ", counted(tally["bytes"], "byte"));
  if (tally["unreadable"] > 0) line += concat(", ", tally["unreadable"], " unreadable");
  for (const char* key :
       {"boxes", "texts", "words", "crops", "length", "used", "highest", "sizes", "unknown", "classes"}) {
    if (!tally.contains(key)) continue;
    const Json& value = tally[key];
    line += concat("\n    ", key, ": ");
    size_t shown = 0;
    if (!value.is_object()) line += number_text(value);
    for (auto item = value.begin(); value.is_object() && item != value.end() && shown < 12; ++item, ++shown)
      line += concat(shown ? ", " : "", item.key(), " ", number_text(*item));
    if (value.is_object() && value.size() > shown) line += concat(", and ", value.size() - shown, " more");
  }
  return line + "\n";
}

void run_stats(const DataOptions& o) {
  if (o.speed) {
    if (o.text_tokenizer.empty()) throw UsageError("--speed needs --text-tokenizer FILE");
    const double speed = reading_speed(o.path, o.text_tokenizer, 3);
    if (o.json)
      std::cout << Json{{"samples_per_second", speed}}.dump() << "\n";
    else
      std::cout << counted(static_cast<int64_t>(speed), "sample") << " a second read and masked by one processor\n";
    return;
  }
  if (!o.out.empty()) check_writable_folder(o.out);
  const DataStats stats = data_stats(o.path, o.out.empty() ? 0 : o.preview);
  std::string text =
      concat(counted(stats.report["samples"], "sample"),
             stats.in_archives ? concat(" in ", counted(stats.report["shards"], "shard")) : std::string(), "\n");
  for (const auto& [modality, tally] : stats.report["modalities"].items()) text += described(modality, tally);
  std::cout << (o.json ? json_text(stats.report, 2) + "\n" : text);
  if (o.out.empty()) return;
  Gallery page{"Data set", o.path, {}, text};
  for (const auto& [name, cells] : stats.preview) {
    GalleryRow row{name, {}, ""};
    for (const auto& cell : cells)
      if (cell.image.area() > 0)
        row.cells.push_back({cell.image, cell.modality});
      else
        row.words += cell.modality + ": " + cell.text + "\n";
    page.rows.push_back(std::move(row));
  }
  write_json(fs::path(o.out) / "stats.json", stats.report);
  write_gallery(o.out, page);
  note("the preview page is ", (fs::path(o.out) / "index.html").string());
}

// Error when the folder holds something, which would be mixed with what is written.
void check_empty(const fs::path& out) {
  std::error_code ignored;
  check(!fs::exists(out, ignored) || fs::is_empty(out, ignored), out.string(),
        ": is not empty; remove it, or give another --out");
}

void run_convert(const DataOptions& o) {
  check_empty(o.out);
  check_writable_folder(o.out);
  const int64_t samples =
      o.to == "shards" ? convert_to_shards(o.path, o.out, o.shard_size) : convert_to_folders(o.path, o.out);
  std::cout << counted(samples, "sample") << " in " << o.out << "\n";
}

void run_import(const DataOptions& o) {
  const bool diode = o.from == "diode";
  if (diode && !o.labelled.annotations.empty()) throw UsageError("--coco is for --from coco-panoptic");
  if (!diode && o.labelled.annotations.empty()) throw UsageError("--from coco-panoptic needs --coco FILE.json");
  if (!diode && !o.normals.empty()) throw UsageError("--normals is for --from diode");
  check_empty(o.out);
  check_writable_folder(o.out);
  const int64_t images = diode ? import_diode(o.path, o.normals.empty() ? o.path : o.normals, o.out)
                               : import_coco_panoptic(o.path, o.labelled.annotations, o.out);
  std::cout << counted(images, "image") << " in " << o.out << "\n";
}

// A command of `fourm data`, which reads the set PATH.
CLI::App* add_command(CLI::App& data, const std::shared_ptr<DataOptions>& o, const char* name, const char* help) {
  auto* command = data.add_subcommand(name, help);
  command->add_option("PATH", o->path, "a folder with one folder, or shards, for each modality; or shards by pattern")
      ->required();
  return command;
}

void add_check(CLI::App& data, const std::shared_ptr<DataOptions>& o) {
  auto* command = add_command(data, o, "check",
                              "Name each broken, mis-sized or out-of-range file (exit 1), and warn of missing ones");
  command->add_option("--recipe", o->recipe, "read the modalities of this pre-training recipe as training does");
  command->add_option("--modalities", o->modalities, "YAML file of modalities beyond the official ones");
  command->add_option("--text-tokenizer", o->text_tokenizer, "tokenizer.json that texts should fit");
  add_config_options(*command, o->check);
  command->add_flag("--json", o->json, "machine-readable");
  command->add_option("--task", o->task, "as `fourm finetune` reads the set (docs/finetuning.md)")
      ->check(CLI::IsMember({"classification", "semseg", "depth", "detection"}));
  const auto labelled = [&](const char* name, std::string& value, const char* help) {
    command->add_option(name, value, help)->needs("--task");
  };
  labelled("--split", o->labelled.split, "folder of the split, as in ADE20K");
  labelled("--coco", o->labelled.annotations, "COCO JSON of the images");
  labelled("--labels", o->labelled.labels, "where the class is: folder, NAME or NAME.KEY");
  command->add_flag("--masks", o->masks, "detection: objects need masks, as for head.masks")->needs("--task");
  command->footer(
      "Examples:\n  fourm data check rooms/train\n"
      "  fourm data check tokens/train --recipe pretrain.yaml\n"
      "  fourm data check imagenet/train --task classification\n"
      "  fourm data check ADEChallengeData2016 --task semseg --split training\n"
      "  fourm data check 'cc12m/[rgb,caption]/{00000..00099}.tar' --missing-ok");
  command->callback([o] { run_check(*o); });
}

void add_stats(CLI::App& data, const std::shared_ptr<DataOptions>& o) {
  auto* command =
      add_command(data, o, "stats", "Count sizes, classes, words and tokens; --out writes a page to look at");
  command->add_option("--out", o->out, "folder for index.html, gallery.png and stats.json");
  command->add_option("--preview", o->preview, "samples on the page")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command->add_flag("--speed", o->speed, "instead: how many token samples one thread reads and masks a second");
  command->add_option("--text-tokenizer", o->text_tokenizer, "tokenizer.json, for --speed");
  command->add_flag("--json", o->json, "machine-readable");
  command->footer(
      "Examples:\n  fourm data stats rooms/train --out look\n"
      "  fourm data stats tokens/train --speed --text-tokenizer text_tokenizer.json");
  command->callback([o] { run_stats(*o); });
}

void add_convert(CLI::App& data, const std::shared_ptr<DataOptions>& o) {
  auto* command = add_command(data, o, "convert", "Copy a data set into the other layout");
  command->add_option("--out", o->out, "folder to write")->required();
  command->add_option("--to", o->to, "shards or folders")
      ->check(CLI::IsMember({"shards", "folders"}))
      ->capture_default_str();
  command->add_option("--shard-size", o->shard_size, "samples per shard")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->footer("Example:\n  fourm data convert rooms/train --out rooms_shards --to shards --shard-size 500");
  command->callback([o] { run_convert(*o); });
}

void add_import(CLI::App& data, const std::shared_ptr<DataOptions>& o) {
  auto* command = data.add_subcommand("import", "Copy a data set in a layout of its own into one of folders");
  command->add_option("PATH", o->path, "folder of the images")->required()->check(CLI::ExistingDirectory);
  command->add_option("--from", o->from, "its layout: diode or coco-panoptic")
      ->check(CLI::IsMember({"diode", "coco-panoptic"}))
      ->required();
  command->add_option("--out", o->out, "folder to write")->required();
  command->add_option("--coco", o->labelled.annotations, "coco-panoptic: its JSON, with the maps beside it");
  command->add_option("--normals", o->normals, "diode: folder of the normals, if not PATH");
  command->footer(
      "Examples:\n"
      "  fourm data import diode/val --normals diode/val_normals --from diode --out sets/diode\n"
      "  fourm data import coco/val2017 --coco coco/annotations/panoptic_val2017.json --from coco-panoptic --out "
      "sets/coco");
  command->callback([o] { run_import(*o); });
}

void add_label(CLI::App& data, const std::shared_ptr<DataOptions>& o) {
  auto* command = add_command(data, o, "label", "Make modalities from images");
  auto* transparency =
      command->add_flag("--transparency", o->transparency,
                        "mask/ and det/ from the alpha channel of rgb/; the class is the image's folder");
  command
      ->add_option("--clip", o->clip,
                   "clip/, feature maps of rgb/, by this image-text model: a CLIP in the layout of Hugging Face, or of "
                   "`fourm clip train`")
      ->excludes(transparency);
  command->add_option("--size", o->size, "with --clip: pixels per side that images are resized to")
      ->check(CLI::Range(1, 1 << 13));
  add_config_options(*command, o->compute, "", "Engine");
  command->footer(
      "Examples:\n"
      "  fourm data label stamps --transparency\n"
      "  fourm data label photos --clip clip-vit-base-patch16 --size 224");
  command->callback([o] {
    if (!o->transparency && o->clip.empty()) throw UsageError("data label: give --transparency or --clip MODEL");
    const int64_t made = o->transparency ? label_by_transparency(o->path)
                                         : label_features(o->path, ImageText::open(o->clip, o->compute), o->size);
    std::cout << counted(made, "sample") << " labelled\n";
  });
}

}  // namespace

void add_data(CLI::App& program) {
  const auto o = std::make_shared<DataOptions>();
  auto* data = program.add_subcommand("data", "Check, describe and convert data sets");
  data->require_subcommand(1);
  add_check(*data, o);
  add_stats(*data, o);
  add_convert(*data, o);
  add_import(*data, o);
  add_label(*data, o);
}

}  // namespace fourm
