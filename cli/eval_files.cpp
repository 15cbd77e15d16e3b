#include "cli/eval_files.h"

#include <cstdio>

#include "fourm/coco/caption_files.h"
#include "fourm/coco/evaluation.h"
#include "fourm/eval/clip_score.h"
#include "fourm/eval/folder_distance.h"
#include "fourm/eval/generation_scores.h"

namespace fourm {
namespace {

// "AP      0.412"; "-" for -1, which is not defined.
std::string table(const Json& numbers) {
  std::string text;
  for (const auto& [name, value] : numbers.items()) {
    char line[64];
    if (value < 0)
      std::snprintf(line, sizeof line, "%-20s %9s\n", name.c_str(), "-");
    else
      std::snprintf(line, sizeof line, "%-20s %9.*f\n", name.c_str(), value.is_number_float() ? 3 : 0,
                    value.get<double>());
    text += line;
  }
  return text;
}

std::string print(const Json& numbers, bool json) { return json ? json_text(numbers) + "\n" : table(numbers); }

Json measure(const CocoFiles& files) {
  if (files.kind == "caption") return to_json(score_captions(read_captions(files.annotations, files.predictions)));
  const CocoTruth truth = CocoTruth::read(files.annotations, parse_coco_kind(files.kind));
  return to_json(evaluate_detections(truth, read_coco_predictions(files.predictions, truth)));
}

}  // namespace

std::string measure_files(const CocoFiles& files, bool json) { return print(measure(files), json); }

std::string measure_images(const ImageFiles& files, const std::string& device, bool json, const ProcessGroup& group) {
  Json numbers = Json::object();
  if (!files.inception.empty())
    numbers = to_json(
        score_generation({files.generated, files.real, files.inception, files.store, device, files.resize}, group));
  const bool compares_embeddings = !files.real.empty() && files.inception.empty();
  if (compares_embeddings)
    numbers =
        to_json(folder_distance({files.generated, files.real, files.clip, files.store, device, files.resize}, group));
  if (!files.clip.empty() && !(compares_embeddings && files.captions.empty())) {
    const Summary score =
        clip_score({files.generated, files.clip, files.captions, files.store, device, files.resize}, group);
    numbers["generated"] = score.count;
    numbers["CLIP_score"] = score.mean;
    numbers["CLIP_score_interval"] = score.half_width;
  }
  return print(numbers, json);
}

}  // namespace fourm
