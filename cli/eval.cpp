#include <iostream>

#include "cli/bundled.h"
#include "cli/config_options.h"
#include "cli/text_tokenizer.h"
#include "cli/verbs.h"
#include "fourm/clip/image_text.h"
#include "fourm/eval/agreement.h"
#include "fourm/eval/evaluate.h"
#include "fourm/eval/evaluation_table.h"

namespace fourm {

void add_eval(CLI::App& program) {
  struct Options {
    std::string model, tokenizers, text_tokenizer, against;
    EvaluateOptions evaluate;
    EngineConfig engine;
    std::string data, image_text;
    bool json = false;
  };
  auto o = std::make_shared<Options>();
  auto* verb = program.add_subcommand("eval", "Measure what a model makes of held-out samples");
  verb->add_option("--model", o->model, "model folder, or folder of a finished run")
      ->transform(model_path())
      ->required();
  verb->add_option("--data", o->data, "data set with truth, as `fourm rooms` writes it")->required();
  verb->add_option(
          "--inputs", o->evaluate.inputs,
          "what is given, set after set: rgb, caption, det, depth, rgb+caption or any other sum, all: everything "
          "but what is asked for")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--count", o->evaluate.count, "samples, from the first; those that lack a file are left out")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  verb->add_option("--tokenizers", o->tokenizers, "tokenizer folders; default MODEL/tokenizers");
  verb->add_option("--text-tokenizer", o->text_tokenizer,
                   "tokenizer.json; default MODEL/tokenizer.json, then $FOURM_TOKENIZER");
  verb->add_option("--image-text", o->image_text,
                   "image-text model that judges painted images by their captions; default MODEL/clip");
  verb->add_option("--seed", o->evaluate.seed, "of painted images and of the bootstrap")->capture_default_str();
  add_config_options(*verb, o->engine, "", "Engine");
  verb->add_option(
          "--against", o->against,
          "instead of measures: the share of tokens that are equal when computed in this precision (f32, bf16, int8)")
      ->check(CLI::IsMember({"f32", "bf16", "int8"}));
  verb->add_flag("--json", o->json, "machine-readable");
  verb->footer(
      "Each measure stands beside its ceiling (the truth through the tokenizer) and its baseline (a guess without\n"
      "looking); 'closed' is the share of the way between them. Intervals are 95 %.\n\n"
      "Examples:\n"
      "  fourm rooms --count 200 --size 128 --seed 7 --split val --out rooms/val\n"
      "  fourm eval --model models/rooms-ti --data rooms/val\n"
      "  fourm eval --model models/rooms-ti --data rooms/val --inputs rgb,caption,det,depth,rgb+caption,all\n"
      "  fourm eval --model models/rooms-ti --data rooms/val --precision int8 --against f32");
  verb->callback([o] {
    o->evaluate.data = o->data;
    const PipelineFiles files{o->model, o->tokenizers, text_tokenizer_for(o->model, o->text_tokenizer), {}};
    const Pipeline pipeline = Pipeline::open(files, o->engine);
    if (!o->against.empty()) {
      const Json report = agreement(pipeline, Pipeline::open(files, {o->engine.engine, o->against}), o->evaluate);
      std::cout << (o->json ? json_text(report) + "\n" : agreement_table(report));
      return;
    }
    o->evaluate.image_text = o->image_text.empty() ? image_text_of(o->model) : fs::path(o->image_text);
    const Json report = evaluate(pipeline, o->evaluate);
    std::cout << (o->json ? json_text(report) + "\n" : evaluation_table(report));
  });
}

}  // namespace fourm
