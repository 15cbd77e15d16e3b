// fourm config
#include "cli/config_reference.h"

#include <algorithm>
#include <iostream>

#include "cli/verbs.h"
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
      "This page lists every key of every file that the program reads, as `fourm config` prints it.\n\n"
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
      "## Options of commands\n\n`fourm VERB --help` lists these options and the files that a command reads and "
      "writes.\n\n",
      options("fourm rooms", RoomSetOptions()), options("fourm data check", CheckOptions()),
      options("fourm vocab train", WordPieceOptions()), options("fourm tokenize", PretokenizeOptions()),
      options("fourm eval", EvaluateOptions()), options("fourm demo", DemoOptions()));
}

void add_config(CLI::App& program) {
  auto* verb = program.add_subcommand("config", "Print every key of recipes, plans and modalities (Markdown)");
  verb->footer("Example:\n  fourm config > configuration.md");
  verb->callback([] { std::cout << config_reference(); });
}

}  // namespace fourm
