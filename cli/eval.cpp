#include <algorithm>
#include <iostream>
#include <tuple>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/eval_files.h"
#include "cli/evaluate_head.h"
#include "cli/outputs.h"
#include "cli/processes.h"
#include "cli/text_tokenizer.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "fourm/clip/image_text.h"
#include "fourm/eval/chains.h"
#include "fourm/eval/inpainting.h"
#include "fourm/eval/report.h"
#include "fourm/generate/keep_region.h"

namespace fourm {

namespace {

// What is measured: a model, or files, for which all options of the mode are needed.
enum class Measured { kModel, kPredictions, kImages };

Measured measured_by(const CLI::App& command) {
  const std::vector<std::pair<Measured, std::vector<const char*>>> modes{
      {Measured::kPredictions, {"--annotations", "--predictions"}},
      {Measured::kImages, {"--generated"}},
      {Measured::kModel, {"--model", "--data"}}};
  for (const auto& [mode, needed] : modes) {
    const auto given = std::find_if(needed.begin(), needed.end(), [&](const char* o) { return command.count(o) > 0; });
    if (given == needed.end() && mode != Measured::kModel) continue;
    for (const char* option : needed)
      if (command.count(option) == 0)
        throw UsageError(given == needed.end() ? concat("eval: ", option, " is required")
                                               : concat("eval: ", *given, " goes with ", option));
    for (const auto& [other, options] : modes)
      for (const char* option : options)
        if (other != mode && command.count(option) > 0)
          throw UsageError(concat("eval: ", *given, " and ", option, " are two things to measure"));
    if (mode != Measured::kPredictions && command.count("--kind") > 0)
      throw UsageError("eval: --kind goes with --annotations and --predictions");
    if (mode == Measured::kImages && command.count("--real") == 0 && command.count("--clip") == 0)
      throw UsageError("eval: --generated goes with --real and --inception, with --real and --clip, or with --clip");
    if (mode == Measured::kImages && command.count("--real") > 0 && command.count("--inception") == 0 &&
        command.count("--clip") == 0)
      throw UsageError("eval: --real goes with --inception or --clip");
    return mode;
  }
  fail("[eval] unreachable");
}

struct Options {
  std::string model, tokenizers, text_tokenizer, against, sweep, plot, in_painting;
  std::vector<std::string> chains;
  bool compares_chains = false;
  EvaluateOptions evaluate;
  HeadEvaluation head;
  CocoFiles files;
  ImageFiles images;
  ComputeConfig engine;
  bool json = false;
};

constexpr const char* kOptionsOf4M = "Models that generate";

// The measures of a model as text.
std::string measure_model(const Options& o, const Sweep& sweep, const ProcessGroup& group) {
  const auto text = [&](const auto& result, const auto& table) {
    return o.json ? json_text(to_json(result)) + "\n" : table(result);
  };
  if (!o.in_painting.empty()) KeepRegion::parse(o.in_painting);  // an Error before samples are read
  const PipelineFiles files{o.model, o.tokenizers, text_tokenizer_for(o.model, o.text_tokenizer), {}};
  const Pipeline pipeline = Pipeline::open(files, o.engine);
  if (!o.against.empty()) {
    const Pipeline other = Pipeline::open(files, {o.engine.engine, o.against, o.engine.device});
    return text(agreement(pipeline, other, o.evaluate, group), agreement_table);
  }
  EvaluateOptions options = o.evaluate;
  if (options.image_text.empty()) options.image_text = image_text_of(o.model).string();
  if (o.compares_chains) {
    const ChainsResult result = compare_chains(pipeline, options, o.chains, sweep, group);
    if (!o.plot.empty() && group.is_first()) write_file(o.plot, sweep_svg(result));
    return text(result, chains_table);
  }
  if (!o.in_painting.empty())
    return text(evaluate_inpainting(pipeline, options, o.in_painting, group), evaluation_table);
  return text(evaluate(pipeline, options, group), evaluation_table);
}

// Inputs and chains that were not given. UsageError where options exclude each other.
void resolve(Options& o, bool inputs_given, bool chains_given) {
  o.compares_chains = chains_given || !o.sweep.empty();
  if (o.compares_chains + !o.against.empty() + !o.in_painting.empty() > 1)
    throw UsageError("--against, --chains and --in-painting are different things to measure");
  if (!o.plot.empty() && o.sweep.empty()) throw UsageError("--plot shows a sweep: give --sweep KEY=VALUE,VALUE");
  if (!o.plot.empty()) check_writable_file(o.plot, "--plot", ".svg");
  std::erase(o.chains, "");
  if (!chains_given) o.chains = {"direct"};
  if (!inputs_given && o.compares_chains) o.evaluate.inputs = {"caption"};
  if (!inputs_given && !o.in_painting.empty()) o.evaluate.inputs.clear();
}

// UsageError when an option was given that does not apply to the kind of the model.
void check_options(const CLI::App& command, bool has_head) {
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0 && option->get_group() == (has_head ? kOptionsOf4M : kOptionsOfHeads))
      throw UsageError(concat(option->get_name(),
                              has_head ? " is not for a model with a head (docs/finetuning.md)"
                                       : " is for models with a head (docs/finetuning.md), which this one is not"));
}

Sweep parse_sweep(const std::string& text) {
  try {
    return text.empty() ? Sweep() : Sweep::parse(text);
  } catch (const Error& error) {
    throw UsageError(std::string("--sweep: ") + error.what());
  }
}

// Prints what measure(group of processes) returns. The text of the options is that of all processes.
void print_measures(const std::string& options, const ComputeConfig& compute,
                    const std::function<std::string(const ProcessGroup&)>& measure) {
  const ProcessGroupConfig processes = process_group_config(environment());
  if (processes.world_size > 1) use_threads(threads_of(0, processes));
  in_process_group(processes, compute.device, [&](const ProcessGroup& group) {
    check_same_options(options, compute, group);
    const std::string text = measure(group);
    if (group.is_first()) std::cout << text;
  });
}

// Options of a file of predictions.
void add_prediction_options(CLI::App& command, CocoFiles& files) {
  const char* group = "Files of predictions";
  command.add_option("--annotations", files.annotations, "instead of a model: COCO's ground truth, a JSON file")
      ->group(group);
  command.add_option("--predictions", files.predictions, "COCO's predictions, a JSON file")->group(group);
  command.add_option("--kind", files.kind, "what they hold: boxes, masks or captions")
      ->check(CLI::IsMember({"bbox", "segm", "caption"}))
      ->capture_default_str()
      ->group(group);
}

// Options of a folder of generated images.
void add_image_options(CLI::App& command, ImageFiles& files) {
  const char* group = "Folders of images";
  for (const auto& [option, value, help] :
       {std::tuple{"--generated", &files.generated, "instead of a model: a folder of generated images"},
        std::tuple{"--real", &files.real, "folder of true images"},
        std::tuple{"--inception", &files.inception, "Inception weights: pt_inception-2015-12-05-6726825d.pth"},
        std::tuple{
            "--clip", &files.clip,
            "a CLIP in the layout of Hugging Face, or a model of `fourm clip train`, for the CLIP score; with --real "
            "and without --inception and --captions, for the Frechet distance of its embeddings"},
        std::tuple{"--captions", &files.captions,
                   "captions of the generated images: FILE.txt or FILE.tsv with a line for each image, in the order of "
                   "their names, or a folder with NAME.txt; default: NAME.txt beside each image"},
        std::tuple{"--store", &files.store,
                   "folder of their features and scores, from which an interrupted run is resumed"}})
    command.add_option(option, *value, help)->group(group);
  command
      .add_option("--resize", files.resize,
                  "resize the middle squares of all images to this many pixels first; default: images as they are")
      ->check(CLI::Range(8, 8192))
      ->group(group);
  for (const char* option : {"--real", "--inception", "--clip", "--captions", "--store", "--resize"})
    command.get_option(option)->needs("--generated");
  command.get_option("--inception")->needs("--real");
  command.get_option("--captions")->needs("--clip");
  command.get_option("--clip")->transform(model_path());
}

constexpr const char* kEvalExamples =
    "Each measure has a ceiling (the score of the ground truth reconstructed by the tokenizer) and a baseline (the\n"
    "score of predictions that ignore the input). 'closed' is the gap closed, (model - baseline) / (ceiling -\n"
    "baseline). Intervals are 95 %.\n\n"
    "Examples:\n"
    "  fourm rooms --count 200 --size 128 --seed 7 --split val --out rooms/val\n"
    "  fourm eval --model models/rooms-ti --data rooms/val\n"
    "  fourm eval --model models/rooms-ti --data rooms/val --inputs rgb,caption,det,depth,rgb+caption,all\n"
    "  fourm eval --model models/rooms-ti --data rooms/val --inputs caption,det --plan plan.yaml\n"
    "  fourm eval --model models/rooms-ti --data rooms/val --chains\n"
    "  fourm eval --model models/rooms-ti --data rooms/val --chains direct,clip --sweep guidance=1,2,3 --plot g.svg\n"
    "  fourm eval --model models/rooms-ti --data rooms/val --in-painting left\n"
    "  fourm eval --model models/rooms-ti --data rooms/val --precision int8 --against f32\n"
    "  fourm launch -n 4 -- eval --model models/rooms-ti --data rooms/val\n"
    "  fourm eval --model runs/semseg --data ADEChallengeData2016 --split validation --by-class\n"
    "  fourm eval --annotations instances_val2017.json --predictions predictions.json --kind segm\n"
    "  fourm eval --generated out/images --real coco/val2017 --inception pt_inception-2015-12-05-6726825d.pth\n"
    "  fourm eval --generated out/images/rgb --captions prompts.txt --clip clip-vit-large-patch14 --resize 256\n"
    "  fourm eval --generated out/images/rgb --real rooms/val/rgb --clip models/rooms-ti/clip";

}  // namespace

void add_eval(CLI::App& program) {
  auto o = std::make_shared<Options>();
  auto* command = program.add_subcommand("eval", "Measure a model's predictions on held-out samples");
  command->add_option("--model", o->model, "model folder, or folder of a finished run")->transform(model_path());
  add_config_options(*command, o->evaluate);
  command->get_option("--inputs")->delimiter(',');
  add_tokenizer_options(*command, o->tokenizers, o->text_tokenizer);
  add_config_options(*command, o->engine, "", "Engine");
  command
      ->add_option(
          "--against", o->against,
          "instead of measures: the fraction of tokens that are equal to those computed in this precision (f32, "
          "bf16, f16, int8)")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "int8"}));
  auto* chains = command
                     ->add_option("--chains", o->chains,
                                  "instead: compare direct with chained generation of images from the inputs (default "
                                  "caption); a list of direct, clip, semseg+depth, ...; default: direct, clip, "
                                  "semseg, depth and det, as far as the model generates them")
                     ->delimiter(',')
                     ->expected(0, -1);
  command->add_option(
      "--sweep", o->sweep,
      "KEY=VALUE,VALUE: evaluate the chains with each of these values of guidance, steps or temperature for all grid "
      "targets; without --chains: direct");
  command->add_option("--plot", o->plot, "SVG file: the measures over the values of --sweep");
  command->add_option(
      "--in-painting", o->in_painting,
      "instead: in-painting. The value is the region that is kept, as for generate --keep (left, X0,Y0,X1,Y1, ...); "
      "--inputs adds inputs (default none). Unconditionally generated images are measured beside it");
  for (const char* option : {"--inputs", "--chains", "--sweep", "--plot", "--against", "--in-painting", "--plan",
                             "--image-text", "--align-depth", "--tokenizers", "--text-tokenizer"})
    command->get_option(option)->group(kOptionsOf4M);
  add_prediction_options(*command, o->files);
  add_image_options(*command, o->images);
  command->add_flag("--json", o->json, "machine-readable");
  add_head_options(*command, o->head);
  command->footer(kEvalExamples);
  command->callback(
      [o, command, chains, inputs = command->get_option("--inputs"), count = command->get_option("--count")] {
        const Measured measured = measured_by(*command);
        const auto print = [&](const std::function<std::string(const ProcessGroup&)>& measure) {
          print_measures(command->config_to_str(/*default_also=*/true), o->engine, measure);
        };
        if (measured == Measured::kPredictions)
          return print([&](const ProcessGroup&) { return measure_files(o->files, o->json); });
        if (measured == Measured::kImages)
          return print([&](const ProcessGroup& group) {
            return measure_images(o->images, o->engine.first_device(), o->json, group);
          });
        const bool has_head = is_transfer_model(o->model);
        check_options(*command, has_head);
        if (has_head) {
          o->head.measures.count = count->count() > 0 ? o->evaluate.count : 0;
          return print([&](const ProcessGroup& group) {
            return measure_head(o->model, o->evaluate.data, o->engine, o->head, o->json, group);
          });
        }
        resolve(*o, inputs->count() > 0, chains->count() > 0);
        if (command->count("--plan") > 0 && (o->compares_chains || !o->against.empty() || !o->in_painting.empty()))
          throw UsageError("--plan is for the plain evaluation, not for --chains, --sweep, --against or --in-painting");
        const Sweep sweep = parse_sweep(o->sweep);
        print([&](const ProcessGroup& group) { return measure_model(*o, sweep, group); });
      });
}

}  // namespace fourm
