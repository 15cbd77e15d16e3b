// fourm config
#include "cli/config_reference.h"

#include <algorithm>
#include <iostream>

#include "cli/commands.h"
#include "fourm/core/config.h"
#include "fourm/core/strings.h"
#include "fourm/data/check.h"
#include "fourm/demo/demo.h"
#include "fourm/eval/evaluate.h"
#include "fourm/experiments/ablation.h"
#include "fourm/generate/defaults.h"
#include "fourm/modality/modality.h"
#include "fourm/rooms/dataset.h"
#include "fourm/text/wordpiece_trainer.h"
#include "fourm/train/clip_training.h"
#include "fourm/train/pretokenize.h"
#include "fourm/train/pretraining.h"
#include "fourm/train/tokenizer_training.h"
#include "fourm/transfer/finetuning.h"

namespace fourm {
namespace {

std::string cell(const std::string& text) { return text.empty() ? "" : "`" + text + "`"; }

// A group of fields (`training`) is a row without type and default.
std::string table(const std::vector<FieldDescription>& fields) {
  std::string text = "| key | meaning | type | default | allowed |\n|---|---|---|---|---|\n";
  for (const auto& field : fields) {
    const std::string initial = field.initial == "\"\"" ? "" : field.initial;
    text += concat("| `", field.path, "`", field.changeable ? " *" : "", " | ", field.help, " | ", field.type, " | ",
                   cell(initial), " | ", field.allowed, " |\n");
  }
  return text + "\n";
}

// The fields whose paths do not begin so.
std::vector<FieldDescription> without(std::vector<FieldDescription> fields, const std::string& prefix) {
  std::erase_if(fields, [&](const FieldDescription& field) { return field.path.starts_with(prefix); });
  return fields;
}

std::vector<FieldDescription> training_fields() {
  std::vector<FieldDescription> fields = describe_fields(PretrainConfig());
  std::erase_if(fields, [](const FieldDescription& field) { return !field.path.starts_with("training."); });
  return fields;
}

// The keys of a recipe. A section of its own has those of the training loop, which are the same in all recipes.
template <class Recipe>
std::string recipe_table(const Recipe& recipe) {
  const std::vector<FieldDescription> training = training_fields();
  std::vector<FieldDescription> fields = describe_fields(recipe);
  std::erase_if(fields, [&](const FieldDescription& field) {
    return std::find(training.begin(), training.end(), field) != training.end();
  });
  for (auto& field : fields)
    if (field.path == "training") field.help += ": [its keys](#the-training-loop)";
  return table(fields);
}

// The keys of dataset.yaml, which several readers share: class names (data/data_facts.h), units (modality/depth.h), texts
// (data/token_set.h).
constexpr const char* kDataSetKeys =
    "| key | meaning | type | default | allowed |\n|---|---|---|---|---|\n"
    "| `semseg_classes` | names of the labels of semantic maps, in their order or as `{id: LABEL, name: NAME}`; also "
    "read in a model folder | list |  | labels 0 to 254 |\n"
    "| `depth.unit` | unit of all depth files; looked for in the folder of the file and in the four folders above it | "
    "string or number |  | m, cm, mm, or the metres of one stored number |\n"
    "| `texts` | what captions of a tokenized set describe: the whole image, so that left and right change places in a "
    "mirrored crop, or the crops | string | whole_image in sets of `fourm tokenize`, else crops | whole_image or crops "
    "|\n"
    "| `count` | number of samples; more than these are a fault for `fourm data check` | integer |  |  |\n\n";

// Options of a command, as add_config_options() names them.
template <class Config>
std::string options(const char* command, const Config& config) {
  std::vector<FieldDescription> fields = describe_fields(config);
  for (auto& field : fields) {
    std::replace(field.path.begin(), field.path.end(), '_', '-');
    field.path = "--" + field.path;
  }
  return concat("### `", command, "`\n\n", table(fields));
}

}  // namespace

std::string config_reference() {
  return concat(
      "# Configuration\n\n"
      "This page lists the keys of recipes, plans, `generation.yaml`, `modalities.yaml` and `dataset.yaml`, as `fourm "
      "config` prints them, and those options of commands that are declared like keys. `fourm COMMAND --help` lists "
      "all options of a command.\n\n"
      "- Keys of a recipe may also be given after it on the command line: `fourm pretrain RECIPE.yaml "
      "training.steps=100`.\n"
      "- A key marked * may have another value when a run is resumed. A change of any other key needs a new run "
      "folder.\n"
      "- `mixture[]` is an item of a list, `NAME` a name of your choice.\n"
      "- `--print-config` prints a recipe with every key, and `--dry-run` checks it.\n\n"
      "## Pre-training\n\n`fourm pretrain RECIPE.yaml` ([training.md](training.md)).\n\n",
      recipe_table(PretrainConfig()),
      "## Fine-tuning\n\n`fourm finetune RECIPE.yaml` ([finetuning.md](finetuning.md)).\n\n",
      recipe_table(FinetuneRecipe()),
      "## Tokenizers\n\n`fourm tokenizer train RECIPE.yaml` ([tokenizers.md](tokenizers.md)).\n\n",
      recipe_table(TokenizerRecipe()),
      "## Image-text models\n\n`fourm clip train RECIPE.yaml` ([training.md](training.md#the-image-text-model)).\n\n",
      recipe_table(ClipRecipe()), "## The training loop\n\nKeys of all recipes above ([training.md](training.md)).\n\n",
      table(training_fields()),
      "## Token benchmark\n\n`fourm transfer-benchmark RECIPE.yaml` ([experiments.md](experiments.md)). `recipe.` has "
      "the keys of pre-training.\n\n",
      table(without(describe_fields(TokenBenchmarkConfig()), "recipe.")),
      "## Ablations\n\n`fourm ablate RECIPE.yaml` ([experiments.md](experiments.md)).\n\n",
      table(describe_fields(AblationConfig())),
      "## Plans\n\n`fourm generate --plan FILE` ([generation-settings.md](generation-settings.md#plans)).\n\n",
      table(describe_fields(Plan())),
      "## Default settings of targets\n\n`generation.yaml` in a model folder "
      "([generation-settings.md](generation-settings.md#defaults)).\n\n",
      table(describe_fields(GenerationDefaults())),
      "## Modalities\n\nThe keys of a modality in `modalities.yaml` ([modalities.md](modalities.md)).\n\n",
      table(describe_modality_keys()),
      "## Data sets\n\n`dataset.yaml` in the folder of a data set ([data.md](data.md)); `fourm rooms` writes one. "
      "Other "
      "keys are ignored.\n\n",
      kDataSetKeys,
      "## Options of commands\n\nThese are the options that are declared like keys. `fourm COMMAND --help` "
      "lists "
      "all options, the files that a command reads and writes among them.\n\n",
      options("fourm rooms", RoomSetOptions()), options("fourm data check", CheckOptions()),
      options("fourm vocab train", WordPieceOptions()), options("fourm tokenize", PretokenizeOptions()),
      options("fourm eval", EvaluateOptions()), options("fourm demo", DemoOptions()));
}

void add_config(CLI::App& program) {
  auto* command = program.add_subcommand(
      "config",
      "Print docs/configuration.md: all keys of recipes, plans, modalities and data sets, and options of commands");
  command->footer("Example:\n  fourm config > configuration.md");
  command->callback([] { std::cout << config_reference(); });
}

}  // namespace fourm
