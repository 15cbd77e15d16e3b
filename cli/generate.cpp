// fourm generate: any modalities from any others, for one sample or many.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <optional>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/inputs.h"
#include "cli/outputs.h"
#include "cli/processes.h"
#include "cli/stop_signals.h"
#include "cli/terminal_log.h"
#include "cli/text_tokenizer.h"
#include "cli/threads.h"
#include "cli/usage.h"
#include "cli/worker.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/data_facts.h"
#include "fourm/generate/batch.h"
#include "fourm/generate/contact_sheet.h"
#include "fourm/generate/result_files.h"
#include "fourm/io/image_file.h"
#include "fourm/io/model_folder.h"
#include "fourm/io/npy.h"
#include "fourm/transfer/config.h"

namespace fourm {
namespace {

struct GenerateArguments {
  std::string model, tokenizers, text_tokenizer, modalities, plan, depth_unit, data, from, super_resolution, sr_plan,
      worker, out = "out/generate";
  std::vector<std::string> in, keep, inputs, outputs, sr_outputs;
  uint64_t seed = 0;
  int64_t count = 1, steps = 0, batch = 16;
  double temperature = -1, guidance = NAN, top_p = -1;
  int64_t top_k = -1;
  bool greedy = false, json = false, features = false, print_plan = false, overwrite = false, paste_kept = false,
       sheet = false;
  ComputeConfig engine;
  DecodeOptions decoding;
};

Plan make_plan(const GenerateArguments& o, const Pipeline& pipeline, const std::vector<Input>& inputs) {
  Plan plan;
  if (!o.plan.empty()) {
    if (!o.outputs.empty()) throw UsageError("--plan names what is generated; leave out --out-modality");
    plan = pipeline.read_plan(o.plan);
  } else {
    std::vector<std::string> names;
    for (const auto& name : names_in(o.outputs)) {
      const std::string output = pipeline.output_name(name);
      if (contains(names, output)) throw UsageError("--out-modality names '" + output + "' twice");
      names.push_back(output);
    }
    if (names.empty()) throw UsageError("say what to generate: --out-modality NAME,... or --plan FILE");
    std::vector<std::string> given;
    for (const Input& input : inputs) given.push_back(pipeline.input_name(input.modality));
    plan = pipeline.default_plan(given, names);
  }
  bool has_grids = false;
  for (auto& target : plan.targets) {
    const bool is_grid = o.steps > 0 && pipeline.modality(target.modality).kind != ModalityKind::kSequence;
    if (is_grid) target.steps = o.steps;
    has_grids |= is_grid;
    if (o.temperature >= 0) target.temperature = o.temperature;
    if (!std::isnan(o.guidance)) target.guidance = o.guidance, target.weights.clear();
    if (o.top_p >= 0) target.top_p.reset();
    if (o.top_k >= 0) target.top_k.reset(), target.top_k_share.reset();
  }
  check(o.steps == 0 || has_grids, "--steps is for grid targets, and all targets are sequences; leave it out");
  if (o.top_p >= 0) plan.top_p = o.top_p;
  if (o.top_k >= 0) plan.top_k = o.top_k, plan.top_k_share = 0;
  return plan;
}

// The inputs of --in, with what --keep says of them.
std::vector<Input> read_inputs(const GenerateArguments& o, const Pipeline& pipeline) {
  std::vector<Input> inputs = parse_inputs(o.in, pipeline);
  for (const Input& input : inputs)
    for (const auto& name : pipeline.inputs())
      if (input.value.find("," + name + "=") != std::string::npos ||
          input.value.find("," + base_name(name) + "=") != std::string::npos)
        warn("--in ", printable(input_text(input)), " is one value; give --in once for each input");
  for (const auto& text : o.keep) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos)
      throw UsageError("--keep takes MODALITY=REGION, such as rgb=left or rgb=mask.png, got " + printable(text));
    const std::string name = pipeline.input_name(text.substr(0, equals));
    Input* kept = nullptr;
    for (Input& input : inputs) {
      if (pipeline.input_name(input.modality) != name) continue;
      check(!kept, "--keep ", printable(text), ": '", name,
            "' is given several times; write the region into --in, as in '", name, "[keep=left]=...'");
      kept = &input;
    }
    check(kept, "--keep ", printable(text), ": '", name, "' is not given with --in");
    check(kept->keep.empty(), "--keep ", printable(text), ": '", name, "' has a region already");
    check(equals + 1 < text.size(), "--keep ", printable(text), ": names no region");
    kept->keep = text.substr(equals + 1);
  }
  if (o.paste_kept && std::all_of(inputs.begin(), inputs.end(), [](const Input& input) { return input.keep.empty(); }))
    throw UsageError("--paste-kept copies what is kept of an image: give --keep, or keep=REGION in --in");
  return inputs;
}

// --paste-kept needs a target image of the modality that is kept.
void check_pasted(const GenerationSettings& settings, const std::vector<Input>& inputs, const Pipeline& pipeline) {
  if (!settings.paste_kept) return;
  for (const Plan* plan : {&settings.plan, &settings.super_resolution_plan})
    for (const Target& target : plan->targets)
      for (const Input& input : inputs)
        if (!input.keep.empty() && is_image_file(input.value) && base_name(target.modality) == "rgb" &&
            base_name(pipeline.input_name(input.modality)) == "rgb")
          return;
  throw UsageError(
      "--paste-kept copies the kept part of an image file into a generated image: name rgb with --out-modality, and "
      "give the file "
      "with --keep");
}

SampleList samples_of(const GenerateArguments& o, const Pipeline& pipeline) {
  const std::vector<Input> inputs = read_inputs(o, pipeline);
  std::error_code ignored;
  for (const Input& input : inputs)
    if (fs::is_directory(input.value, ignored)) check_outside(input.value, o.out);  // results would be inputs next time
  if (o.data.empty()) {
    if (!o.inputs.empty()) throw UsageError("--inputs names the modalities of a data set: give --data");
    return SampleList::of_inputs(pipeline, inputs);
  }
  if (o.inputs.empty()) throw UsageError("--data: name the inputs of the model, such as --inputs rgb,caption");
  return SampleList::of_data(pipeline, o.data, names_in(o.inputs), inputs);
}

// OUT/features.npy [N, D], and which rows are whose.
void write_features(const GenerateArguments& o, const Pipeline& pipeline, const Canvas& canvas) {
  const auto features = pipeline.features(canvas);
  const auto rows = static_cast<int64_t>(features.modalities.size());
  const fs::path file = fs::path(o.out) / "features.npy", names = fs::path(o.out) / "features.json";
  for (const auto& output : {file, names}) check_not_there(output, o.overwrite);
  write_npy(file, npy_from_floats(features.values, {rows, features.width}));
  write_json(names, {{"rows", features.modalities}});
  if (o.json)
    std::cout << json_text({{"features", file.string()}, {"rows", rows}, {"width", features.width}}) << "\n";
  else
    std::cout << "features: " << counted(rows, "row") << " of " << features.width << " (" << file.string() << ")\n";
}

// The results by variation: {MODALITY: {"files", "text", "failure"}}, of one of many samples with its "name".
Json results_json(const GenerateArguments& o, const BatchReport& report) {
  Json list = Json::array();
  for (const Json& sample : report.results) {
    const std::string name = sample.value("name", "");
    if (!sample.contains("results")) list.push_back({{"name", name}, {"failure", sample["failure"]}});
    for (const Json& variation : sample.value("results", Json::array())) {
      list.push_back(Json::object());
      if (!name.empty()) list.back()["name"] = name;
      for (const auto& [modality, result] : variation.items()) {
        list.back()[modality] = result;
        for (Json& file : list.back()[modality]["files"]) file = (fs::path(o.out) / file.get<std::string>()).string();
      }
    }
  }
  return list;
}

// A line a result; of many samples their number.
void print(const GenerateArguments& o, uint64_t seed, const BatchReport& report, double ready, double seconds) {
  if (o.json) {
    const Json samples = results_json(o, report);
    std::cout << json_text({{"seed", seed}, {"ready_s", ready}, {"seconds", seconds}, {"samples", samples}}) << "\n";
    return;
  }
  if (report.results.size() != 1 || !report.results[0].contains("results")) {
    std::cout << counted(report.samples - report.failed, "sample") << " in " << o.out;
    if (parse_worker(o.worker).second > 1) std::cout << ", the part of worker " << o.worker;
    if (report.kept > 0) std::cout << ", " << report.kept << " of them from an earlier run";
    std::cout << "\n";
    return;
  }
  for (const Json& variation : report.results[0]["results"])
    for (const auto& [modality, result] : variation.items()) {
      std::cout << modality << ": ";
      if (result.contains("text")) std::cout << result["text"].get<std::string>() << "  ";
      std::vector<std::string> files;
      for (const Json& file : result["files"]) {
        const auto name = file.get<std::string>();
        const bool has_tokens = name.starts_with(modality) && name.ends_with(".npy");
        if (!has_tokens || result["files"].size() == 1) files.push_back((fs::path(o.out) / name).string());
      }
      std::cout << "(" << join(files, ", ") << ")\n";
    }
  if (report.kept > 0 && report.results[0].contains("digests"))  // else of an earlier version, which has a note
    note("the results were there already, from the same settings and inputs");
}

// The second stage: its model, and the plan for the inputs and targets of the first.
struct SuperResolution {
  Pipeline pipeline;
  Plan plan;
};

Pipeline open_super_resolution(const GenerateArguments& o, const std::string& model) {
  const fs::path text_tokenizer = text_tokenizer_for_second_stage(model, o.model, o.text_tokenizer);
  return Pipeline::open({model, o.tokenizers, text_tokenizer, o.modalities}, o.engine);
}

// By default the targets of the first stage in the sizes that the second generates.
std::vector<std::string> fine_targets(const GenerateArguments& o, const Plan& first, const Pipeline& second) {
  std::vector<std::string> targets;
  for (const auto& name : names_in(o.sr_outputs)) targets.push_back(second.output_name(name));
  if (!targets.empty()) return targets;
  for (const Target& target : first.targets)
    for (const auto& output : second.outputs())
      if (name_without_size(output) == name_without_size(target.modality) && !contains(targets, output))
        targets.push_back(output);
  check(!targets.empty(), "--sr ", o.super_resolution,
        " generates no size of the targets; name some with --sr-modality: ", join(second.outputs(), ", "));
  return targets;
}

std::optional<SuperResolution> super_resolution_of(const GenerateArguments& o, const Plan& first,
                                                   const std::vector<Input>& inputs, const Pipeline& pipeline) {
  if (o.super_resolution.empty()) {
    if (!o.sr_outputs.empty() || !o.sr_plan.empty()) throw UsageError("--sr-modality and --sr-plan need --sr MODEL");
    return {};
  }
  std::error_code ignored;
  check(fs::exists(o.super_resolution, ignored), o.super_resolution,
        ": there is no super-resolution model; name one with --sr MODEL");
  SuperResolution second{open_super_resolution(o, o.super_resolution), {}};
  std::vector<std::string> read;
  for (const Input& input : inputs) read.push_back(pipeline.input_name(input.modality));
  for (const Target& target : first.targets) read.push_back(target.modality);
  std::erase_if(read, [&](const std::string& name) { return !contains(second.pipeline.inputs(), name); });
  check(!read.empty(), "--sr ", o.super_resolution, " reads no input and no target of the first stage; it reads ",
        join(second.pipeline.inputs(), ", "));
  if (o.sr_plan.empty()) {
    second.plan = second.pipeline.default_plan(read, fine_targets(o, first, second.pipeline));
  } else {
    second.plan = second.pipeline.read_plan(o.sr_plan);
  }
  return second;
}

// OUT/sheet.png; of one of several workers a sheet of its results.
void write_sheet(const GenerateArguments& o, const SheetSource& source) {
  const auto [worker, workers] = parse_worker(o.worker);
  const std::string part = workers > 1 ? concat("-", worker, "-of-", workers) : "";
  const fs::path file = source.out / concat("sheet", part, ".png");
  write_png(file, gallery_sheet(contact_sheet(source)));
  note("contact sheet: ", file.string());
}

// Without the defaults that say nothing: 0, "" and [].
YAML::Node without_empty(const YAML::Node& settings, const YAML::Node& defaults) {
  YAML::Node kept;
  for (const auto& item : settings) {
    const std::string key = item.first.Scalar(), value = flow_text(item.second);
    const bool is_empty = value == "0" || value == "\"\"" || value == "[]" || value == "~";
    if (!is_empty || !defaults[key].IsDefined() || flow_text(defaults[key]) != value) kept[key] = item.second;
  }
  return kept;
}

std::string plan_text(const Plan& plan) {
  const YAML::Node all = to_yaml(plan), defaults = to_yaml(Plan());
  YAML::Node node = without_empty(all, defaults), targets;
  for (const auto& target : all["targets"]) targets.push_back(without_empty(target, to_yaml(Target())));
  node["targets"] = targets;
  return yaml_text(node);
}

// The plans of both stages as YAML. Weights of inputs are no part of a plan: they are comments.
void print_plan(const GenerationSettings& settings, const std::vector<Input>& inputs) {
  for (const Input& input : inputs)
    if (input.weight)
      std::cout << "# input " << input.modality << " with the weight " << *input.weight
                << ": guidance is weighted, and the guidance of targets below is the weight of finished targets\n";
  std::cout << plan_text(settings.plan);
  if (!settings.super_resolution_plan.targets.empty())
    std::cout << "\n# --sr-plan\n" << plan_text(settings.super_resolution_plan);
}

// What is generated, from what, and by which models.
struct Generation {
  const Pipeline& pipeline;
  const Pipeline* super_resolution;  // the model of the second stage; null: none
  const SampleList& samples;
  const GenerationSettings& settings;
  const DepthUnits* units;  // null: as data sets state them
};

// Generates the results and writes their files. Error where it was stopped and where some could not be made.
void write_results(const GenerateArguments& o, const Generation& g, const Stopwatch& watch, double ready) {
  const auto [worker, workers] = parse_worker(o.worker);
  const StopSignals stop;
  const BatchOptions options{.out = o.out,
                             .batch = o.batch,
                             .variations = o.count,
                             .worker = worker,
                             .workers = workers,
                             .overwrite = o.overwrite,
                             .super_resolution = g.super_resolution,
                             .units = g.units,
                             .stop = StopSignals::requested};
  const BatchReport report = generate_batches(g.pipeline, g.samples, g.settings, options);
  check(report.finished, "stopped after ", counted(static_cast<int64_t>(report.results.size()), "sample"),
        "; the same command resumes the run");
  print(o, g.settings.seed, report, ready, watch.seconds());
  if (o.sheet)
    write_sheet(o, {g.pipeline, g.super_resolution, g.samples, g.settings, report, o.out,
                    read_class_names(model_folder(o.model)), g.units});
  check(report.failed == 0, report.failed, " of ", counted(report.samples, "sample"),
        " could not be read; the warnings ",
        report.failed < report.samples ? concat("and the manifest in ", o.out, " ") : std::string(), "say why");
  check(report.undecoded == 0, report.undecoded, " of ",
        (report.samples - report.failed) * o.count *
            static_cast<int64_t>(g.settings.plan.targets.size() + g.settings.super_resolution_plan.targets.size()),
        " results could not be decoded; their tokens are in ", o.out);
}

Pipeline open_model(const GenerateArguments& o) {
  check(!is_transfer_model(o.model), o.model, ": is a fine-tuned model with a head; `fourm predict` uses it");
  return Pipeline::open({o.model, o.tokenizers, text_tokenizer_for(o.model, o.text_tokenizer), o.modalities}, o.engine);
}

// --from: the sample that a file was generated from, with its settings.
void repeat(GenerateArguments o) {
  const GenerationRecord record = GenerationRecord::read(o.from);
  const GenerationSettings& settings = record.settings;
  if (o.print_plan) {
    std::vector<Input> inputs;
    for (const Json& item : record.inputs) {
      inputs.push_back({.modality = json_get<std::string>(item, "modality", o.from)});
      if (item.contains("weight")) inputs.back().weight = json_get<double>(item, "weight", o.from);
    }
    return print_plan(settings, inputs);
  }
  check_writable_folder(o.out);
  const Stopwatch watch;
  if (o.model.empty()) o.model = find_model(settings.model).string();
  o.engine.precision = settings.precision;
  const Pipeline pipeline = open_model(o);
  const double ready = watch.seconds();
  std::optional<Pipeline> second;
  if (!settings.super_resolution.empty())
    second = open_super_resolution(o, find_model(settings.super_resolution).string());
  const auto check_weights = [](const std::string& model, const Pipeline& opened, const std::string& recorded) {
    check(recorded.empty() || opened.fingerprint() == recorded, model,
          ": the weights of the model or of its tokenizers are not those that the image was generated with");
  };
  check_weights(o.model, pipeline, settings.weights);
  if (second) check_weights(settings.super_resolution, *second, settings.super_resolution_weights);
  const SampleList samples = SampleList::of_record(record);
  write_results(o, {pipeline, second ? &*second : nullptr, samples, settings, nullptr}, watch, ready);
}

void run(const GenerateArguments& o) {
  if (o.model.empty()) throw UsageError("generate: --model is required; `fourm generate --help` explains the command");
  if (o.features && o.in.empty()) throw UsageError("--features are those of an input: give --in");
  if (o.in.empty() && o.data.empty() && o.plan.empty() && o.outputs.empty())
    throw UsageError("nothing to do: give --in and --out-modality");
  parse_worker(o.worker);
  if (!o.print_plan) check_writable_folder(o.out);
  const Stopwatch watch;
  const Pipeline pipeline = open_model(o);
  const double ready = watch.seconds();
  const SampleList samples = samples_of(o, pipeline);
  const DepthUnits units(o.depth_unit);
  if (o.features) {
    check(samples.is_single(), "--features are those of one sample: give a file or a text with --in");
    write_features(o, pipeline, samples.canvas(pipeline, 0, units));
    if (o.outputs.empty() && o.plan.empty()) return;
  }
  GenerationSettings settings{.model = o.model,
                              .weights = pipeline.fingerprint(),
                              .precision = resolved_precision(o.engine),
                              .seed = o.seed,
                              .draw = !o.greedy,
                              .plan = make_plan(o, pipeline, samples.inputs(0)),
                              .decoding = o.decoding,
                              .paste_kept = o.paste_kept,
                              .super_resolution = o.super_resolution};
  const auto second = super_resolution_of(o, settings.plan, samples.inputs(0), pipeline);
  if (second) {
    settings.super_resolution_weights = second->pipeline.fingerprint();
    settings.super_resolution_plan = second->plan;
  }
  check_pasted(settings, samples.inputs(0), pipeline);
  if (o.print_plan) {
    Canvas canvas = samples.canvas(pipeline, 0, units);  // inputs that cannot be read are an Error here too
    for (const Target& target : settings.plan.targets) pipeline.add_target(canvas, target.modality);
    return print_plan(settings, samples.inputs(0));
  }
  write_results(o, {pipeline, second ? &second->pipeline : nullptr, samples, settings, &units}, watch, ready);
}

void add_input_options(CLI::App& command, GenerateArguments& o) {
  add_depth_unit_option(command, o.depth_unit);
  command.add_option(
      "--in", o.in,
      "MODALITY=FILE, MODALITY=TEXT or MODALITY=FOLDER; @FILE is a file whatever its name, a text file with a "
      "prompt a line or a .tsv; text:TEXT a text. MODALITY[weight=W,keep=REGION]=...: guidance weight of the input "
      "(negative: away from it), and the part that the model reads");
  command.add_option("--keep", o.keep,
                     "MODALITY=REGION: the part of an input that is kept (in-painting): left, right, top, bottom, "
                     "X0,Y0,X1,Y1 in fractions, every:N, or a mask image (white is kept)");
  command.add_flag("--paste-kept", o.paste_kept, "copy the kept part of the image into the result, at its resolution");
  command.add_option("--data", o.data, "data set whose samples are the inputs (docs/data.md)");
  command.add_option("--inputs", o.inputs, "modalities of --data that are inputs, separated by commas");
  command.add_option("--out-modality", o.outputs, "what to generate, in this order, separated by commas");
}

void add_super_resolution_options(CLI::App& command, GenerateArguments& o) {
  command
      .add_option(
          "--sr", o.super_resolution,
          "super-resolution: model of a second stage, which reads the inputs and results of the first; without a "
          "name MODEL/superres")
      ->expected(0, 1)
      ->default_str("superres")
      ->group("Super-resolution");
  command.add_option("--sr-modality", o.sr_outputs, "what it generates; default: the same modalities in its sizes")
      ->group("Super-resolution");
  command.add_option("--sr-plan", o.sr_plan, "YAML plan of the second stage")->group("Super-resolution");
}

void add_output_options(CLI::App& command, GenerateArguments& o) {
  command.add_option("--out", o.out, "folder for the results")->capture_default_str();
  command.add_flag("--sheet", o.sheet,
                   "write OUT/sheet.png: inputs and results, one row for each result, at most 100 rows");
  command.add_flag("--overwrite", o.overwrite, "replace results of other settings in that folder");
  command.add_option("--from", o.from, "PNG file of an earlier run: repeat it");
  command.add_option("--batch", o.batch, "samples that are generated together")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command.add_option(
      "--worker", o.worker,
      "K/N: every N-th batch from batch K on; run K = 0 to N - 1. Processes of a launcher share the batches "
      "without it");
  command.add_flag("--print-plan", o.print_plan, "print what would be generated and how, as a plan file, and stop");
}

void add_sampling_options(CLI::App& command, GenerateArguments& o) {
  command.add_option("--plan", o.plan,
                     "YAML plan: targets, steps, temperatures, guidance (docs/generation-settings.md)");
  command.add_option("--seed", o.seed, "seed of the random draws")->capture_default_str();
  command.add_option("--count", o.count, "results of each sample")->check(CLI::Range(1, 4096))->capture_default_str();
  command.add_option("--steps", o.steps, "decoding steps of each grid target")->check(CLI::Range(1, 100000));
  command.add_option("--temperature", o.temperature, "of every target; 0 takes the most likely token")
      ->check(CLI::Range(0.0, 1000.0));
  command.add_option("--guidance", o.guidance,
                     "guidance scale of every target, instead of weights of the plan; 1 = none");
  command.add_option("--top-k", o.top_k, "sample from the k most likely tokens, instead of top_k_share of the plan")
      ->check(CLI::Range(0, 1 << 24));
  command
      .add_option("--top-p", o.top_p,
                  "nucleus sampling: sample from the most likely tokens with a total probability of p")
      ->check(CLI::Range(0.0, 1.0));
}

constexpr const char* kGenerateExamples =
    "Examples:\n"
    "  fourm generate --model models/rooms-ti --in rgb@128=room.png --out-modality tok_depth@128,caption\n"
    "  fourm generate --model models/rooms-ti --in caption=\"a bedroom with a white bed\" --out-modality tok_rgb@128 "
    "--count 4\n"
    "  fourm generate --model models/rooms-ti --in tok_rgb=room.png --keep tok_rgb=left --out-modality rgb\n"
    "  fourm generate --model models/rooms-ti --in 'caption[weight=3]=a bedroom' --in 'caption[weight=-1]=a "
    "bathroom' "
    "--out-modality rgb\n"
    "  fourm generate --model models/rooms-ti --in rgb=FOLDER --out-modality caption,depth --out captions\n"
    "  fourm generate --model models/rooms-ti --in caption=@prompts.txt --out-modality rgb --out images\n"
    "  fourm launch -n 2 -- generate --model models/rooms-ti --in caption=@prompts.txt --out-modality rgb --out "
    "images\n"
    "  fourm generate --from images/rgb/0003.png --out again\n"
    "  fourm generate --model models/rooms-ti --in rgb@128=room.png --features --out features";

// --from takes all settings from the file: others would have no effect.
void refuse_settings(const CLI::App& command) {
  const std::vector<std::string> allowed{"--from",       "--out",        "--sheet",  "--overwrite", "--print-plan",
                                         "--model",      "--tokenizers", "--engine", "--device",    "--text-tokenizer",
                                         "--modalities", "--json",       "--quiet"};
  for (const CLI::Option* option : command.get_options())
    if (option->count() > 0 && !contains(allowed, option->get_name()))
      throw UsageError(
          concat("generate: --from repeats a result with the settings of the file; leave out ", option->get_name()));
}

}  // namespace

void add_generate(CLI::App& program) {
  auto o = std::make_shared<GenerateArguments>();
  auto* command = program.add_subcommand("generate", "Generate any modalities from any others");
  command->add_option("--model", o->model, "model folder, folder of a finished run, or one safetensors file")
      ->transform(model_path());
  add_input_options(*command, *o);
  add_super_resolution_options(*command, *o);
  add_output_options(*command, *o);
  command->add_option("--tokenizers", o->tokenizers,
                      "folder with a tokenizer folder for each modality; default MODEL/tokenizers");
  command->add_option("--text-tokenizer", o->text_tokenizer,
                      "tokenizer.json; default MODEL/tokenizer.json, then $FOURM_TOKENIZER");
  command->add_option("--modalities", o->modalities, "YAML with further modalities");
  add_sampling_options(*command, *o);
  add_config_options(*command, o->engine, "", "Engine");
  command->add_flag("--features", o->features, "write the output of the encoder to OUT/features.npy");
  add_config_options(*command, o->decoding, "decode-", "Diffusion decoders");
  command->add_flag("--greedy", o->greedy, "take the most likely token everywhere");
  command->add_flag("--json", o->json, "machine-readable results");
  command->footer(kGenerateExamples);
  command->callback([o, command] {
    if (!o->from.empty()) refuse_settings(*command);
    if (command->count("--sr") > 0)
      o->super_resolution = o->super_resolution.empty() || o->super_resolution == "superres"
                                ? (model_folder(o->model) / "superres").string()
                                : find_model(o->super_resolution).string();
    const ProcessGroupConfig processes = process_group_config(environment());
    if (processes.world_size > 1) use_threads(threads_of(0, processes));
    const auto generate = [&] {
      if (processes.rank > 0) set_log_sink(std::make_shared<QuietTerminalLog>());
      o->from.empty() ? run(*o) : repeat(*o);
    };
    if (o->worker.empty()) {
      const std::string options = command->config_to_str(/*default_also=*/true);
      o->worker = concat(processes.rank, "/", processes.world_size);
      in_independent_processes(options, o->engine, processes, generate);
    } else {
      use_own_gpu(processes, o->engine.device);
      generate();
    }
  });
}

}  // namespace fourm
