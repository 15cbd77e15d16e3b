// fourm probe: one input changed over values, everything else and the random draws fixed.
#include <iostream>

#include "cli/bundled.h"
#include "cli/commands.h"
#include "cli/config_options.h"
#include "cli/inputs.h"
#include "cli/stop_signals.h"
#include "cli/text_tokenizer.h"
#include "cli/usage.h"
#include "fourm/core/json.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"
#include "fourm/data/data_facts.h"
#include "fourm/probe/probe.h"

namespace fourm {
namespace {

struct ProbeOptions {
  std::string model, tokenizers, text_tokenizer, plan, depth_unit, out = "out/probe";
  std::vector<std::string> in, vary, outputs;
  uint64_t seed = 0;
  int64_t count = 1, batch = 16;
  bool greedy = false, json = false, overwrite = false;
  ComputeConfig engine;
  DecodeOptions decoding;
};

std::vector<Variation> parse_variations(const ProbeOptions& o) {
  if (o.vary.size() > 2) throw UsageError("--vary is given once, or twice for a table");
  std::vector<Variation> variations;
  for (const auto& text : o.vary) try {
      variations.push_back(Variation::parse(text));
    } catch (const Error& error) {
      throw UsageError(std::string("--vary: ") + error.what());
    }
  return variations;
}

Plan plan_of(const ProbeOptions& o, const Pipeline& pipeline, const std::vector<Input>& inputs) {
  if (!o.plan.empty()) return pipeline.read_plan(o.plan);
  std::vector<std::string> given, targets;
  for (const Input& input : inputs) given.push_back(pipeline.input_name(input.modality));
  for (const auto& name : names_in(o.outputs)) targets.push_back(pipeline.output_name(name));
  return pipeline.default_plan(given, targets);
}

void run(const ProbeOptions& o) {
  if (!o.outputs.empty() && !o.plan.empty())
    throw UsageError("--plan names what is generated; leave out --out-modality");
  if (o.outputs.empty() && o.plan.empty()) throw UsageError("say what to generate: --out-modality NAME,... or --plan");
  const std::vector<Variation> variations = parse_variations(o);
  check_writable_folder(o.out);
  const Pipeline pipeline =
      Pipeline::open({o.model, o.tokenizers, text_tokenizer_for(o.model, o.text_tokenizer), {}}, o.engine);
  const DepthUnits units(o.depth_unit);
  const Probe probe(pipeline, parse_inputs(o.in, pipeline), variations, &units);
  const SampleList samples = probe.samples(o.out, o.overwrite);
  const GenerationSettings settings{.model = o.model,
                                    .weights = pipeline.fingerprint(),
                                    .precision = resolved_precision(o.engine),
                                    .seed = o.seed,
                                    .draw = !o.greedy,
                                    .plan = plan_of(o, pipeline, samples.inputs(0)),
                                    .decoding = o.decoding};
  const StopSignals stop;
  const BatchReport report = generate_batches(pipeline, samples, settings,
                                              {.out = o.out,
                                               .batch = o.batch,
                                               .variations = o.count,
                                               .overwrite = o.overwrite,
                                               .units = &units,
                                               .stop = StopSignals::requested});
  check(report.finished, "stopped; the same command resumes the run");
  const fs::path figure = fs::path(o.out) / "probe.png";
  write_png(figure, gallery_sheet(probe.figure(samples, report, o.out, read_class_names(model_folder(o.model)))));
  if (o.json)
    std::cout << json_text({{"figure", figure.string()}, {"samples", report.results}}, 2) << "\n";
  else
    std::cout << counted(samples.size(), "variant") << " in " << o.out << ", together in " << figure.string() << "\n";
  check(report.undecoded == 0 && report.failed == 0, "some results are missing; the warnings and the manifest in ",
        o.out, " say why");
}

}  // namespace

void add_probe(CLI::App& program) {
  auto o = std::make_shared<ProbeOptions>();
  auto* command = program.add_subcommand("probe", "Generate with one input changed over a list of values");
  command->add_option("--model", o->model, "model folder, folder of a finished run, or one safetensors file")
      ->transform(model_path())
      ->required();
  command->add_option("--in", o->in, "MODALITY=FILE or MODALITY=TEXT: an input, as for generate");
  command
      ->add_option("--vary", o->vary,
                   "what is changed: MODALITY: OLD|NEW|NEW (words of a text, the class of a box, a segment of a map), "
                   "det: move BOX x 0.1..0.9 in 5, det: resize BOX 0.5..2 in 4, or MODALITY=VALUE|VALUE (whole "
                   "values); given twice for a table")
      ->required();
  command->add_option("--out-modality", o->outputs, "what to generate, in this order, separated by commas");
  command->add_option("--plan", o->plan, "instead: YAML plan (docs/generation-settings.md)");
  command->add_option("--out", o->out, "folder for the results; the figure is probe.png")->capture_default_str();
  command->add_flag("--overwrite", o->overwrite, "replace results of other settings in that folder");
  command->add_option("--seed", o->seed, "seed of the draws, which are the same for all values")->capture_default_str();
  command->add_option("--count", o->count, "draws of each value")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_option("--batch", o->batch, "values that are generated together")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command->add_flag("--greedy", o->greedy, "take the most likely token everywhere");
  add_tokenizer_options(*command, o->tokenizers, o->text_tokenizer);
  add_depth_unit_option(*command, o->depth_unit);
  add_config_options(*command, o->engine, "", "Engine");
  add_config_options(*command, o->decoding, "decode-", "Diffusion decoders");
  command->add_flag("--json", o->json, "machine-readable results");
  command->footer(
      "Examples:\n"
      "  fourm probe --model models/rooms-ti --in caption=\"a bedroom with a red bed\" --vary 'caption: "
      "red|green|blue' "
      "--out-modality rgb\n"
      "  fourm probe --model models/rooms-ti --in det=boxes.json --vary 'det: move bed x 0.2..0.8 in 5' "
      "--vary 'det: resize bed 0.5|1' --out-modality rgb\n"
      "  fourm probe --model models/rooms-ti --in semseg=labels.png --vary 'semseg: bed|sofa|table' --out-modality "
      "rgb\n"
      "  fourm probe --model models/rooms-ti --vary 'caption=a kitchen|an office' --out-modality rgb,depth");
  command->callback([o] { run(*o); });
}

}  // namespace fourm
