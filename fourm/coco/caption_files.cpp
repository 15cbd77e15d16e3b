#include "fourm/coco/caption_files.h"

#include <map>

#include "fourm/coco/coco_json.h"
#include "fourm/coco/ptb_words.h"
#include "fourm/core/error.h"
#include "fourm/core/log.h"
#include "fourm/core/strings.h"

namespace fourm {
namespace {

std::vector<std::string> words_of(const Json& item, const std::string& origin) {
  const Json& caption = member(item, "caption", origin);
  check(caption.is_string(), origin, ": the key 'caption' is no text");
  return ptb_words(caption.get<std::string>());
}

}  // namespace

std::vector<CaptionWords> read_captions(const fs::path& annotations, const fs::path& predictions) {
  const std::string truth_name = annotations.string(), name = predictions.string();
  const Json truth = read_json(annotations), predicted = read_json(predictions);
  std::map<CocoId, CaptionWords> images;
  const Json& listed = list_member(truth, "annotations", truth_name);
  for (size_t i = 0; i < listed.size(); ++i) {
    const std::string origin = place_in(truth_name, "annotations", i);
    images[id_member(listed[i], "image_id", origin)].references.push_back(words_of(listed[i], origin));
  }
  check(predicted.is_array() && !predicted.empty(), name, ": expected a list of one or more predictions");
  std::map<CocoId, CaptionWords> measured;
  for (size_t i = 0; i < predicted.size(); ++i) {
    const std::string origin = place_in(name, "predictions", i);
    const CocoId id = id_member(predicted[i], "image_id", origin);
    const auto image = images.find(id);
    check(image != images.end(), origin, ": the image ", text_of(id), " has no caption in the ground truth");
    CaptionWords caption{words_of(predicted[i], origin), image->second.references};
    check(measured.emplace(id, std::move(caption)).second, origin, ": a second caption of the image ", text_of(id));
  }
  if (measured.size() < images.size())
    warn(name, ": ", counted(static_cast<int64_t>(images.size() - measured.size()), "image"),
         " with captions have no prediction and are left out");
  std::vector<CaptionWords> captions;
  for (auto& [id, caption] : measured) captions.push_back(std::move(caption));
  return captions;
}

Json to_json(const CaptionScores& scores) {
  Json json;
  for (size_t n = 0; n < scores.bleu.size(); ++n) json["Bleu_" + std::to_string(n + 1)] = scores.bleu[n];
  json["CIDEr"] = scores.cider;
  return json;
}

}  // namespace fourm
