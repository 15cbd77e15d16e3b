#include <algorithm>
#include <cmath>
#include <iostream>
#include <optional>

#include "cli/bundled.h"
#include "cli/config_options.h"
#include "cli/text_tokenizer.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/generate/pipeline.h"
#include "fourm/io/npy.h"

namespace fourm {
namespace {

struct Options {
  std::string model, tokenizers, text_tokenizer, modalities, plan, depth_unit, out = "out/generate";
  std::vector<std::string> in, outputs;
  uint64_t seed = 0;
  int64_t count = 1, steps = 0;
  double temperature = -1, guidance = NAN, top_p = -1;
  int64_t top_k = -1;
  bool greedy = false, json = false, features = false;
  ComputeConfig engine;
  DecodeOptions decoding;
};

Plan make_plan(const Options& o, const Pipeline& pipeline, const Canvas& canvas) {
  std::vector<std::string> names;
  for (const auto& list : o.outputs)
    for (const auto& name : split(list, ',')) names.push_back(name);
  Plan plan;
  if (!o.plan.empty()) {
    plan = read_plan(o.plan);
  } else {
    if (names.empty()) throw UsageError("say what to generate: --out-modality NAME,... or --plan FILE");
    plan = pipeline.default_plan(canvas, names);
  }
  bool has_grids = false;
  for (auto& target : plan.targets) {
    const bool is_grid = o.steps > 0 && pipeline.modality(target.modality).kind != ModalityKind::kSequence;
    if (is_grid) target.steps = o.steps;
    has_grids |= is_grid;
    if (o.temperature >= 0) target.temperature = o.temperature;
    if (!std::isnan(o.guidance)) target.guidance = o.guidance, target.weights.clear();
  }
  check(o.steps == 0 || has_grids, "--steps is for grid targets, and all targets are sequences; leave it out");
  if (o.top_p >= 0) plan.top_p = o.top_p;
  if (o.top_k >= 0) plan.top_k = o.top_k, plan.top_k_share = 0;
  return plan;
}

// Texts come after the images, whose size boxes need; the canvas holds all of them in the order of the command line.
void give_inputs(const Options& o, const Pipeline& pipeline, Canvas& canvas) {
  const DepthUnits units(o.depth_unit);
  std::vector<std::string> order;
  for (const auto& item : o.in) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos)
      throw UsageError("--in takes MODALITY=FILE or MODALITY=TEXT, got " + printable(item));
    order.push_back(item.substr(0, equals));
  }
  const auto readable = pipeline.inputs();
  for (const bool texts : {false, true})
    for (size_t i = 0; i < order.size(); ++i) {
      const bool is_text = contains(readable, order[i]) && pipeline.modality(order[i]).kind == ModalityKind::kSequence;
      if (is_text == texts) pipeline.add_input(canvas, order[i], o.in[i].substr(order[i].size() + 1), units);
    }
  const auto place = [&](const Canvas::Entry& entry) { return std::find(order.begin(), order.end(), entry.modality); };
  std::sort(canvas.entries.begin(), canvas.entries.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

// OUT/features.npy [N, D], and which rows are whose.
void write_features(const Options& o, const Pipeline& pipeline, const Canvas& canvas) {
  const auto features = pipeline.features(canvas);
  const auto rows = static_cast<int64_t>(features.modalities.size());
  const fs::path file = fs::path(o.out) / "features.npy", names = fs::path(o.out) / "features.json";
  write_npy(file, npy_from_floats(features.values, {rows, features.width}));
  write_json(names, {{"rows", features.modalities}});
  if (o.json)
    std::cout << json_text({{"features", file.string()}, {"rows", rows}, {"width", features.width}}) << "\n";
  else
    std::cout << "features: " << counted(rows, "row") << " of " << features.width << " (" << file.string() << ")\n";
}

// What is written for one target of one sample.
struct Result {
  std::string stem;
  std::vector<fs::path> files;
  std::string failure;  // of the decoder
};

// A decoder that fails is a warning: the tokens are written, and other results follow.
void decode(const Options& o, const Pipeline& pipeline, const Canvas& canvas, const std::string& modality,
            size_t sample, Result& result) {
  const TextChunks recipe{{"fourm", concat("seed=", o.seed, " sample=", sample, " in=", join(o.in, " "))}};
  try {
    for (const auto& file : pipeline.write_decoded(canvas, modality, o.out, result.stem, recipe, o.decoding))
      result.files.push_back(file);
  } catch (const std::exception& error) {
    result.failure = split(error.what(), '\n')[0];
    warn(result.stem, " could not be decoded: ", result.failure);
  }
}

// The result in the report; without --json it is also printed.
Json describe(const Options& o, const Pipeline& pipeline, const Canvas& canvas, const std::string& modality,
              const Result& result) {
  Json sample{{"files", Json::array()}};
  bool has_text = false;
  for (const auto& file : result.files) {
    sample["files"].push_back(file.string());
    has_text |= file.extension() == ".txt";
  }
  if (has_text) sample["text"] = pipeline.text(canvas, modality);
  if (!result.failure.empty()) sample["failure"] = result.failure;
  if (!o.json) {
    std::cout << modality << ": ";
    if (has_text) std::cout << sample["text"].get<std::string>() << "  ";
    std::cout << "(" << result.files.back().string() << ")\n";
  }
  return sample;
}

void run(const Options& o) {
  if (o.features && o.in.empty()) throw UsageError("--features are those of an input: give --in");
  if (o.in.empty() && o.plan.empty() && o.outputs.empty())
    throw UsageError("nothing to do: give --in and --out-modality");
  check_writable_folder(o.out);
  const Stopwatch watch;
  const Pipeline pipeline =
      Pipeline::open({o.model, o.tokenizers, text_tokenizer_for(o.model, o.text_tokenizer), o.modalities}, o.engine);
  const double ready = watch.seconds();
  Canvas canvas;
  give_inputs(o, pipeline, canvas);
  if (o.features) {
    write_features(o, pipeline, canvas);
    if (o.outputs.empty() && o.plan.empty()) return;
  }
  const Plan plan = make_plan(o, pipeline, canvas);
  std::vector<Canvas> canvases(static_cast<size_t>(o.count), canvas);
  for (size_t i = 0; i < canvases.size(); ++i) canvases[i].key = i;
  {
    std::optional<Progress> progress;
    RunOptions options{o.seed, !o.greedy, [&](int64_t step, int64_t steps, const std::string& target) {
                         if (!progress) progress.emplace("generate", steps, step + 1);
                         progress->update(step + 1, target);
                         return true;
                       }};
    pipeline.run(canvases, plan, options);
  }
  Json report = {{"seed", o.seed}, {"ready_s", ready}, {"samples", Json::array()}};
  // All tokens and texts first: they are there even if a decoder fails.
  std::vector<std::vector<Result>> results(canvases.size());
  for (size_t i = 0; i < canvases.size(); ++i)
    for (const auto& target : plan.targets) {
      const std::string stem = o.count > 1 ? concat(target.modality, "_", i) : target.modality;
      results[i].push_back({stem, pipeline.write_tokens(canvases[i], target.modality, o.out, stem), {}});
    }
  int64_t failed = 0;
  for (size_t i = 0; i < canvases.size(); ++i) {
    report["samples"].push_back(Json::object());
    for (size_t t = 0; t < plan.targets.size(); ++t) {
      Result& result = results[i][t];
      decode(o, pipeline, canvases[i], plan.targets[t].modality, i, result);
      failed += !result.failure.empty();
      report["samples"].back()[plan.targets[t].modality] =
          describe(o, pipeline, canvases[i], plan.targets[t].modality, result);
    }
  }
  report["seconds"] = watch.seconds();
  if (o.json) std::cout << json_text(report) << "\n";
  check(failed == 0, failed, " of ", plan.targets.size() * canvases.size(),
        " results could not be decoded; their tokens are in ", o.out);
}

}  // namespace

void add_generate(CLI::App& program) {
  auto o = std::make_shared<Options>();
  auto* verb = program.add_subcommand("generate", "Generate any modalities from any others");
  verb->add_option("--model", o->model, "model folder, folder of a finished run, or one safetensors file")
      ->transform(model_path())
      ->required();
  verb->add_option("--depth-unit", o->depth_unit,
                   "of depth files: m, cm, mm or the metres of one stored number; default: as their dataset.yaml says");
  verb->add_option("--in", o->in,
                   "MODALITY=FILE or MODALITY=TEXT: image, .npy, .txt, .json or the text itself; @FILE is a file "
                   "whatever its name, text:TEXT a text");
  verb->add_option("--out-modality", o->outputs, "what to generate, in this order, separated by commas");
  verb->add_option("--out", o->out, "folder for the results")->capture_default_str();
  verb->add_option("--tokenizers", o->tokenizers,
                   "folder with a tokenizer folder for each modality; default MODEL/tokenizers");
  verb->add_option("--text-tokenizer", o->text_tokenizer,
                   "tokenizer.json; default MODEL/tokenizer.json, then $FOURM_TOKENIZER");
  verb->add_option("--modalities", o->modalities, "YAML with further modalities");
  verb->add_option("--plan", o->plan, "YAML plan: targets, steps, temperatures, guidance (docs/generation.md)");
  verb->add_option("--seed", o->seed, "same seed, same result")->capture_default_str();
  verb->add_option("--count", o->count, "variations to draw")->check(CLI::Range(1, 4096))->capture_default_str();
  verb->add_option("--steps", o->steps, "decoding steps of each grid target")->check(CLI::Range(1, 100000));
  verb->add_option("--temperature", o->temperature, "of every target; 0 takes the most likely token")
      ->check(CLI::Range(0.0, 1000.0));
  verb->add_option("--guidance", o->guidance,
                   "guidance scale of every target, instead of weights of the plan; 1 = none");
  verb->add_option("--top-k", o->top_k, "draw from the k best tokens, instead of top_k_share of the plan")
      ->check(CLI::Range(0, 1 << 24));
  verb->add_option("--top-p", o->top_p, "draw from the best tokens until their probability passes p")
      ->check(CLI::Range(0.0, 1.0));
  add_config_options(*verb, o->engine, "", "Engine");
  verb->add_flag("--features", o->features, "write what the encoder makes of the inputs to OUT/features.npy");
  add_config_options(*verb, o->decoding, "decode-", "Diffusion decoders");
  verb->add_flag("--greedy", o->greedy, "take the most likely token everywhere");
  verb->add_flag("--json", o->json, "machine-readable results");
  verb->footer(
      "Examples:\n"
      "  fourm generate --model models/rooms-ti --in rgb@128=room.png --out-modality tok_depth@128,caption\n"
      "  fourm generate --model models/rooms-ti --in caption=\"a bedroom with a white bed\" --out-modality tok_rgb@128 "
      "--count 4\n"
      "  fourm generate --model models/rooms-ti --in rgb@128=room.png --features --out features");
  verb->callback([o] { run(*o); });
}

}  // namespace fourm
